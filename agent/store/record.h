/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two kinds of record that nodes share through the store; docs/leases.md says what they mean.
 */
#ifndef XDP_L2RESP_RECORD_H
#define XDP_L2RESP_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "addr.h"
#include "lease_config.h"

/* Durations: the longest, of which a record of another node is believed, the shortest that the data
 * path and a store can follow, and the step between them. */
#define RECORD_DURATION_MAX_MS	3600000
#define RECORD_DURATION_MIN_MS	300
#define RECORD_DURATION_STEP_MS 10

/* The highest sequence number and count of transitions that are believed: what follows them can
 * still be written. The latter is Kubernetes' too. */
#define RECORD_SEQUENCE_MAX    (INT64_MAX / 2)
#define RECORD_TRANSITIONS_MAX INT32_MAX

/* Groups of preferred nodes that one node can be in. */
#define RECORD_GROUPS_MAX 16

/* Addresses of its own that a node tells the others of. */
#define RECORD_OWN_MAX 32

/* Copies a node's name, which is no longer than RECORD_NODE_MAX. */
static inline void node_name_copy(char to[RECORD_NODE_MAX + 1], const char *from)
{
	snprintf(to, RECORD_NODE_MAX + 1, "%s", from);
}

enum record_kind {
	RECORD_CLAIM,
	RECORD_HEARTBEAT,
};

enum record_shape {
	RECORD_ABSENT,	/* deleted, or never there */
	RECORD_FOREIGN, /* not readable as ours */
	RECORD_NEWER,	/* ours, of a version that this program doesn't know: left alone */
	RECORD_GOOD,
};

enum heartbeat_state {
	HEARTBEAT_ALIVE,
	HEARTBEAT_DRAINING, /* alive, and no candidate */
	HEARTBEAT_DEAD,	    /* declared so by another node */
	HEARTBEAT_ENDED,    /* closed by its own node */
	HEARTBEAT_STATE_COUNT,
};

extern const char *const heartbeat_state_names[HEARTBEAT_STATE_COUNT];

/* Is a node's session alive? One record a node. */
struct heartbeat {
	char id[RECORD_ID_DIGITS + 1];
	uint64_t session;  /* random; 0: none, in a record that was made to bury a vanished one */
	uint64_t sequence; /* one more with each attempt to renew */
	enum heartbeat_state state;
	uint8_t slot;
	uint32_t duration_ms;
	uint32_t weight;
	bool unsettled; /* as a claim's */
	bool all; /* told to a store alone: not a mere renewal, so every node's stream shows it */
	/* of preferred nodes (struct preferred_group), whose members this node is one of; 0: unused
	 */
	uint64_t groups[RECORD_GROUPS_MAX];
	struct address own[RECORD_OWN_MAX]; /* addresses that the node itself has */
	size_t own_count;
};

/* Who answers for an address? One record an address. */
struct claim_record {
	char holder[RECORD_NODE_MAX + 1]; /* empty: released */
	uint64_t session;		  /* of the holder */
	char wish[RECORD_NODE_MAX + 1];	  /* node that it shall go to; empty: none */
	uint64_t wish_session;		  /* of that node, once it has agreed; else 0 */
	bool moved;			  /* the wish is a person's, and outlives the move */
	uint64_t transitions;
	/* written where there was none: a node that doesn't know since when waits a full duration
	 * before it draws a conclusion from it */
	bool unsettled;
	bool taken;		      /* told to a store alone: this write makes @holder one, */
	struct lease_service service; /* and for this Service */
};

struct record {
	enum record_kind kind;
	enum record_shape shape;
	uint64_t revision; /* changes with each write, and never comes back; 0: absent */
	uint64_t
		shown_revision; /* in a swap of another's heartbeat: the one that record() showed */
	struct address address; /* RECORD_CLAIM */
	char node[RECORD_NODE_MAX + 1]; /* RECORD_HEARTBEAT */
	union {				/* RECORD_GOOD */
		struct heartbeat heartbeat;
		struct claim_record claim;
	};
};

#endif
