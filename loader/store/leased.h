/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agent's entries, those in lease slots 1 to 255, added and deleted WITHOUT the writers' lock:
 * an import of a million addresses may hold the lock for seconds, and a lost address must be silent
 * before its claim is released. There is one such writer, the agent's lease thread.
 *
 * Why this is safe beside writers that hold the lock:
 *
 * - The lease thread changes only leased entries, and the other writers change only entries added
 *   by hand, except in the cases below. The lease thread inserts an entry only if there is none,
 *   and changes or deletes it by BPF programs that check first that it is leased.
 * - A writer that copies entries could restore one that was deleted meanwhile, in a lease slot that
 *   is valid: two nodes would answer. Two writers copy. A growth sets struct pins_meta.unsettled
 *   before it copies, and clears it when the new maps are pinned and the programs read them. So
 *   leased_gone() checks it after the deletions: if it is set, or other maps are pinned, the
 *   deletions may be undone and must be repeated. If it isn't, a later growth copies maps without
 *   the entries. The other writer moves addresses of an interface that is gone, or of another
 *   network namespace, to another interface number, and never copies leased ones (entry_move()).
 * - An import that read the maps before the agent inserted overwrites the agent's entry, as if it
 *   had been added by hand before. The agent's deletion could remove that entry only between the
 *   program's check and its deletion, a few instructions; the import can then be repeated.
 */
#ifndef XDP_L2RESP_LEASED_H
#define XDP_L2RESP_LEASED_H

#include <stdbool.h>
#include <stdint.h>

#include "addr.h"
#include "err.h"
#include "responder.h"

struct leased;

/* Opens the maps pinned below @bpffs. Needs no lock. Errors as pins_open(). */
int leased_open(const char *bpffs, struct leased **ret_leased, struct err *err);
void leased_close(struct leased *leased);

/*
 * Opens the pinned maps again if others are pinned now, after a growth or flush --all. Returns 1 if
 * it did, and their content is unknown; 0 if the open ones are still pinned or nothing is pinned,
 * so that nothing answers; a negative errno with @err if the former ones stay open.
 */
int leased_follow(struct leased *leased, struct err *err);

/* The map of stamps; leased_close() and leased_follow() close it. */
int leased_stamps_fd(const struct leased *leased);

enum leased_put {
	LEASED_PRESENT, /* existed already with the same head */
	LEASED_ADDED,
	LEASED_CHANGED, /* existed with another MAC or slot */
	LEASED_BY_HAND, /* an entry added by hand exists, and was left alone */
};

/* Adds @row, which is in a lease slot, or changes the existing entry to it. -E2BIG without a
 * message: the map is full. -EAGAIN with @err: the entry changed meanwhile. */
int leased_put(struct leased *leased, const struct entry_row *row, enum leased_put *ret_done,
	       struct err *err);

/* Returns 1 if a leased entry of @key exists, 0 if not, or a negative errno with @err. */
int leased_has(const struct leased *leased, const struct entry_key *key, struct err *err);

/*
 * leased_remove() deletes the leased entry of @key: returns 1, 0 if there is none, or a negative
 * errno with @err. After one or more deletions call leased_gone(): 0: they are final. -EAGAIN: the
 * maps are being replaced; call leased_follow() and delete again.
 */
int leased_remove(struct leased *leased, const struct entry_key *key, struct err *err);
int leased_gone(struct leased *leased, struct err *err);

/* The interfaces that were recorded when the maps were opened, or at the last leased_purge(). */
const uint32_t *leased_devices(const struct leased *leased, size_t *ret_count);

/* Returns true if the entry of @address in @slot stays. */
typedef bool leased_keep_fn(const struct address *address, uint8_t slot, void *userdata);

/* Deletes every leased entry for which @keep returns false. Returns as leased_gone(). */
int leased_purge(struct leased *leased, leased_keep_fn *keep, void *userdata, struct err *err);

#endif
