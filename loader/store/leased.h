/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agent's entries, those in lease slots 1 to 255, added and deleted WITHOUT the writers' lock:
 * an import of a million addresses may hold that for seconds, and an address that was lost must be
 * silent before its claim is released. There is one such writer, the agent's lease thread.
 *
 * Why that is safe beside writers that hold the lock:
 *
 * - It touches leased entries alone, and they touch entries added by hand alone, but for what
 *   follows. An entry is inserted only where there is none, and changed and deleted by programs
 *   that look first whether it is leased.
 * - Who copies entries could bring back one that was deleted meanwhile, with a lease slot whose
 *   stamp is ahead: two nodes would answer. There are two that copy. A growth notes that before it
 *   begins (struct pins_meta.unsettled) and leaves the note until the new maps are the pinned ones
 *   and are read by the programs. So leased_remove() deletes first, then looks: where the note was
 *   there, or other maps are pinned, the deletion doesn't count. Where it wasn't, a growth that
 *   begins later copies a map without the entry. An interface that was made again takes its
 *   addresses along, but never leased ones (entry_move()).
 * - The program that attach runs to change an interface's MAC in its entries writes the head of an
 *   entry that is there, and finds none that was deleted. It may write back a slot that the entry
 *   had before, whose session is over: then it is silent until the agent next compares.
 * - An import that looked before the agent inserted writes over the agent's entry: the address was
 *   added by hand then. The agent's own deletion could hit that one only within the few
 *   instructions between the program's look and its deletion; an import that ran just then can be
 *   run again.
 */
#ifndef XDP_L2RESP_LEASED_H
#define XDP_L2RESP_LEASED_H

#include <stdbool.h>
#include <stdint.h>

#include "addr.h"
#include "err.h"
#include "responder.h"

struct leased;

/* Opens what is pinned below @bpffs. Needs no lock. Errors as pins_open()'s. */
int leased_open(const char *bpffs, struct leased **ret_leased, struct err *err);
void leased_close(struct leased *leased);

/*
 * Opens the maps again where others are pinned now, after a growth or flush --all. 1: others are
 * open now, in which nothing is known to be; 0: the same; a negative errno with @err: still the
 * former ones. Where nothing is pinned at all nothing answers, and the former ones stay.
 */
int leased_follow(struct leased *leased, struct err *err);

/* The map of stamps; leased_close() and leased_follow() close it. */
int leased_stamps_fd(const struct leased *leased);

enum leased_put {
	LEASED_PRESENT, /* it was there as it should be */
	LEASED_ADDED,
	LEASED_CHANGED, /* it had another MAC or slot */
	LEASED_BY_HAND, /* somebody's own is there, and left alone */
};

/* Sees to it that @row, in a lease slot, is there. -E2BIG without a message: the map is full. */
int leased_put(struct leased *leased, const struct entry_row *row, enum leased_put *ret_done,
	       struct err *err);

/* Is there a leased entry of @key? 1, 0, or a negative errno with @err. */
int leased_has(const struct leased *leased, const struct entry_key *key, struct err *err);

/*
 * Deletes the leased entry of @key, if there is one; 1: there was. To be followed by
 * leased_gone(), once for all that are deleted together: 0: they are gone. -EAGAIN: the maps are
 * just being replaced; delete again after leased_follow().
 */
int leased_remove(struct leased *leased, const struct entry_key *key, struct err *err);
int leased_gone(struct leased *leased, struct err *err);

/* Interfaces that entries may be on: those recorded when the maps were opened, or at the last
 * leased_purge(). */
const uint32_t *leased_devices(const struct leased *leased, size_t *ret_count);

/* May the entry of @address in @slot stay? */
typedef bool leased_keep_fn(const struct address *address, uint8_t slot, void *userdata);

/* Deletes every leased entry that @keep doesn't want kept. The result is leased_gone()'s. */
int leased_purge(struct leased *leased, leased_keep_fn *keep, void *userdata, struct err *err);

#endif
