/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A store of records with compare-and-swap, shared by all nodes: linearizable, and followed as one
 * stream in the order of its writes. All that the lease protocol asks of an engine.
 */
#ifndef XDP_L2RESP_STORE_H
#define XDP_L2RESP_STORE_H

#include "lease_record.h"

/*
 * What a store tells its user, from the event loop. The stream begins with reset(), a record() for
 * each that is there, synced(); then record() for each change, in the store's order, deletions
 * with RECORD_ABSENT. After a gap it begins anew with reset().
 */
struct store_events {
	void (*reset)(void *userdata);
	void (*record)(const struct record *record, void *userdata);
	void (*synced)(void *userdata);
	/* The result of a swap: 0 done, -EAGAIN the record has another revision, other errors leave
	 * open whether it was or will yet be done. @record is valid for the call. */
	void (*swapped)(const struct record *record, int result, void *userdata);
	/* No endpoint answers, with why; or (NULL) one does again. */
	void (*reachable)(const char *trouble, void *userdata);
};

struct store {
	/* How many swaps of claims may be on their way: to begin with, and at most. */
	size_t swaps_begin, swaps_max;
	/*
	 * Writes @record if the one there has revision @record->revision (0: if there is none).
	 * With the shape RECORD_ABSENT it removes that one. A new revision is told in
	 * @record->revision. Copies what it needs. The result is told by swapped(), later, always.
	 */
	void (*swap)(struct store *store, const struct record *record);
	/* Begins the stream, or ends it: then results of swaps are told, and nothing else. A new
	 * store has none. */
	void (*follow)(struct store *store, bool follow);
	/* Ends all requests; nothing is told any more. */
	void (*free)(struct store *store);
};

#endif
