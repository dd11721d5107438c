/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The addresses of both families: who may be added where, and what goes. Changes need the writers'
 * lock (pins_open_locked()). */
#ifndef XDP_L2RESP_ENTRY_H
#define XDP_L2RESP_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/if_ether.h>

#include "addr.h"
#include "err.h"
#include "l2resp.h"
#include "pins.h"
#include "responder.h"

/* What helps where the maps are full, for the end of a message. */
#define ENTRY_MORE_ROOM "; `xdp-l2resp attach IFACE --max-entries N` makes room for more"

/* Every address, or those of @ifindex if that isn't 0; see responder_read_all(). */
int entry_read_all(const struct pins *pins, uint32_t ifindex, struct entry_table *ret_table,
		   struct err *err);

/* Does @row follow its interface, and have another MAC than the interface, @mac, has now? The
 * program answers with the one that @row has until the next attach. */
bool entry_mac_stale(const struct entry_row *row, const uint8_t mac[ETH_ALEN]);

/* How long an entry of lease @slot may still answer: *ret_ms, UINT64_MAX for ever, 0 not at all.
 * Returns 0, or lease_stamp_read()'s errors. */
int entry_lease_remaining(const struct pins *pins, uint8_t slot, uint64_t *ret_ms, struct err *err);

/* The entry of @key; -ENOENT without a message where there is none. */
int entry_get(const struct pins *pins, const struct entry_key *key, struct entry_row *ret_row,
	      struct err *err);

/* An address to add. */
struct entry_wanted {
	struct entry_key key;
	uint32_t line; /* in an imported file, 0 otherwise */
	struct entry_head head;
};

/*
 * Sorts @wanted and leaves each address in it once, in the first *count places. -EEXIST with @err
 * where one is there twice, with another MAC or override flag.
 */
int entry_unrepeat(struct entry_wanted *wanted, size_t *count, struct err *err);

struct entry_added {
	size_t added;	/* the first of the array are those */
	size_t present; /* were there with the same MAC and flags */
};

/*
 * Adds @wanted, all or nothing, in one go; sorts the array. An address that is there with the same
 * MAC is left as it is. Maps that are too small grow, and @pins have the larger ones. -EEXIST: one
 * is there, or twice in @wanted, with another MAC or override flag, or belongs to the agent;
 * -ENOSPC: more than there may be of its family. @err names the address, and the line where it has
 * one.
 */
int entry_add(struct pins *pins, struct entry_wanted *wanted, size_t count,
	      responder_progress_fn *progress, struct entry_added *ret_added, struct err *err);

/*
 * Deletes addresses of @range (NULL: all) on @ifindex (0: all), but those of the agent whose lease
 * isn't over: without that they don't answer, and an agent that is alive would delete them too.
 * *ret_deleted: how many; *ret_leased: how many were left.
 */
int entry_delete(const struct pins *pins, const struct addr_range *range, uint32_t ifindex,
		 size_t *ret_deleted, size_t *ret_leased, struct err *err);

/* Puts @table's rows of interface @from under number @to, counts and all. Rows that exist there
 * already are left alone. The agent's are deleted: it may give one up meanwhile (leased.h). */
int entry_move(const struct pins *pins, const struct entry_table *table, uint32_t from, uint32_t to,
	       size_t *ret_moved, struct err *err);

#endif
