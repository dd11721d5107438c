/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A store of records with compare-and-swap, shared by all nodes: linearizable, and followed as one
 * stream in the order of its writes. All that the lease protocol asks of an engine.
 */
#ifndef XDP_L2RESP_STORE_H
#define XDP_L2RESP_STORE_H

#include "record.h"

/* A view has no more nodes, and no more claims that its node doesn't want: a store that shows more
 * is broken, or hostile. What is known of a node takes 2 kB, of a claim 300 bytes. */
#define STORE_NODES_MAX	 10000
#define STORE_CLAIMS_MAX 320000
/* If a node sees more records, it makes no new one. All Services may have half as many addresses,
 * whose released records stay for a while. The view has room for what other nodes make until theirs
 * show as many. */
#define STORE_CLAIMS_NEW 262144

/*
 * What a store tells its user, from the event loop. The stream begins with reset(), a record() for
 * each that is there, synced(); then record() for each change, in the store's order, deletions
 * with RECORD_ABSENT. After a gap it begins anew with reset().
 */
struct store_events {
	void (*reset)(void *userdata);
	/* False: there is no room for it. The stream ends, and begins anew later. */
	bool (*record)(const struct record *record, void *userdata);
	void (*synced)(void *userdata);
	/* The result of a swap: 0 done, -EAGAIN the record has another revision, other errors leave
	 * open whether it was or will yet be done. @record is valid for the call. */
	void (*swapped)(const struct record *record, int result, void *userdata);
	/* The same for the heartbeats that store.watch() asked for, with each renewal, in a stream
	 * of their own: it may be ahead of the other, or behind. */
	void (*pulses_reset)(void *userdata);
	void (*pulse)(const struct record *record, void *userdata);
	void (*pulses_synced)(void *userdata);
	/* No endpoint answers, with why; or (NULL) one does again. */
	void (*reachable)(const char *trouble, void *userdata);
};

struct store {
	/* How many swaps of claims may be on their way: to begin with and if it is slow, and at
	 * most. */
	size_t swaps_min, swaps_max;
	/* With watch(): record() shows each removal of a heartbeat, also that of a living session.
	 */
	bool shows_removals;
	/*
	 * Writes @record if the one there has revision @record->revision (0: if there is none).
	 * With the shape RECORD_ABSENT it removes that one. A new revision is told in
	 * @record->revision. Copies what it needs. The result is told by swapped(), later, always.
	 */
	void (*swap)(struct store *store, const struct record *record);
	/* Begins the stream, or ends it: then results of swaps are told, and nothing else. A new
	 * store has none. */
	void (*follow)(struct store *store, bool follow);
	/*
	 * Has pulse() tell of the heartbeats of @nodes, and no others. Then record() shows, after
	 * the list, renewals of this node's own heartbeat alone, and of others what was written
	 * with heartbeat.all, and the removal of what is dead or ended. Nothing is told from
	 * within. Until the stream ends. NULL: record() shows all.
	 */
	void (*watch)(struct store *store, const char *const *nodes, size_t count);
	/* Ends all requests; nothing is told any more. */
	void (*free)(struct store *store);
};

#endif
