/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the store in etcd knows of its own node's heartbeat, and when it tells of it. Renewals are
 * written outside of the range that the view shows, so each is told only when the view has reached
 * its revision: then all that was written before it is in the view. For that somebody must write to
 * the range, if nothing else the *mark* (docs/leases.md). No I/O, and no timer of its own.
 */
#ifndef XDP_L2RESP_ETCD_OWN_H
#define XDP_L2RESP_ETCD_OWN_H

#include "record.h"

/* Renewals that wait for the view: more would be too old to be confirmed. */
#define ETCD_BEATS 8
/* Nodes that are watched from which on there are many: renewals write no mark of their own. */
#define ETCD_MANY 8

#define ETCD_NEVER UINT64_MAX

/* The heartbeat at a revision of the store, which of an absent one isn't the record's. */
struct etcd_beat {
	struct record record;
	uint64_t at;
};

struct etcd_own {
	const char *node;
	uint64_t wait_ns, own_wait_ns;
	uint64_t view;		/* everything up to this was shown; 0: it is being listed */
	struct etcd_beat shown; /* what all nodes' views show of the heartbeat, or soon will */
	struct etcd_beat told;	/* the heartbeat with its renewals, as told last */
	struct etcd_beat beats[ETCD_BEATS]; /* not told yet, in the order of their revisions */
	size_t count;
	bool tell_again;
	uint64_t expected; /* the last revision of what this node wrote for the view to show */
	bool many;
	bool marks;	    /* the last mark that was seen is this node's, */
	uint64_t marks_ns;  /* since then */
	uint64_t marked_ns; /* when the last one was seen */
	uint64_t put_ns;    /* when the last own one was to be put alone */
	uint64_t since_ns;  /* since then a renewal waits; ETCD_NEVER: none does */
};

/* All times are of one clock, in ns. @node isn't copied. */
void etcd_own_init(struct etcd_own *own, const char *node, const struct lease_timing *timing);

/* The view begins anew: what was known may be another store's. */
void etcd_own_reset(struct etcd_own *own);
/* Its list, of @revision, is complete: tell what is to be told now, then of the list's end. */
void etcd_own_synced(struct etcd_own *own, uint64_t revision);
/* The view shows something of @revision: all before it was shown. */
void etcd_own_reached(struct etcd_own *own, uint64_t revision);
/* This node wrote @revision, which the view is to show: before, it puts no mark for itself. */
void etcd_own_expect(struct etcd_own *own, uint64_t revision);
/* That something is the mark, which this node wrote if @is_own. */
void etcd_own_marked(struct etcd_own *own, bool is_own, uint64_t now);
/* It watches @count other nodes. */
void etcd_own_watches(struct etcd_own *own, size_t count);

/* The record that all nodes' views show is @record since revision @at. */
void etcd_own_shown(struct etcd_own *own, const struct record *record, uint64_t at);
/* The one with the renewals is. */
void etcd_own_beats(struct etcd_own *own, const struct record *record, uint64_t at, uint64_t now);

/* The next heartbeat to tell of; false: there is none by now. */
bool etcd_own_next(struct etcd_own *own, struct record *ret_record);
/* The newest revision that is known of. */
uint64_t etcd_own_newest(const struct etcd_own *own);

/* Completes @record, which is to be written over the heartbeat. True: with the mark. */
bool etcd_own_send(struct etcd_own *own, struct record *record);
/* When the mark may have to be written alone; ETCD_NEVER: not for time's sake. */
uint64_t etcd_own_due(const struct etcd_own *own);
/* Is it to be written by now? */
bool etcd_own_mark(struct etcd_own *own, uint64_t now);

#endif
