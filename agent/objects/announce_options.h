/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The annotations of a policy or a Service that say how its addresses are announced. A Service's go
 * before those of the policies that select it. */
#ifndef XDP_L2RESPD_ANNOUNCE_OPTIONS_H
#define XDP_L2RESPD_ANNOUNCE_OPTIONS_H

#include <stdint.h>
#include <jansson.h>

#include "err.h"
#include "field.h"
#include "selector.h"

#define ANNOTATION_CONFLICT	   "xdp-l2resp.io/conflict"
#define ANNOTATION_MAC		   "xdp-l2resp.io/mac"
#define ANNOTATION_PREFERRED_NODES "xdp-l2resp.io/preferred-nodes"

/* What to do when another host uses one of our addresses (RFC 5227 2.4). In the order in which one
 * goes before another, where policies differ about an address. */
enum conflict_answer {
	CONFLICT_UNSAID, /* as agent.yaml has it */
	CONFLICT_DEFEND, /* (c): keep it, and announce it again, but not too often */
	CONFLICT_YIELD,	 /* (a): give it up for a while */
	CONFLICT_ANSWER_COUNT,
};

/* As annotation and configuration have them; NULL for CONFLICT_UNSAID. */
extern const char *const conflict_answer_names[CONFLICT_ANSWER_COUNT];

/* Which MAC an address is answered with; in the same order. */
enum mac_choice {
	MAC_UNSAID, /* as MAC_INTERFACE */
	MAC_INTERFACE,
	MAC_VIRTUAL, /* virtual_mac.h */
	MAC_CHOICE_COUNT,
};

struct announce_options {
	enum conflict_answer conflict;
	enum mac_choice mac;
	struct selector preferred_nodes;
	/* identifies the selector's text among nodes; 0: no node is preferred */
	uint64_t preference;
};

/* Safe on a zeroed one. */
void announce_options_free(struct announce_options *options);

/*
 * Of @metadata, an object's. -EINVAL with @err for a value that isn't one of those there are. A
 * malformed selector of preferred nodes is noted and counts as absent: it changes only which node
 * goes first.
 */
int announce_options_parse(const struct place *place, const json_t *metadata, object_note_fn *note,
			   void *data, struct announce_options *options, struct err *err);

#endif
