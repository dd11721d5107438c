/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entries of both families: lookup, adding, deletion. Functions that change entries need the
 * writers' lock (pins_open_locked()). */
#ifndef XDP_L2RESP_ENTRY_H
#define XDP_L2RESP_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/if_ether.h>

#include "addr.h"
#include "err.h"
#include "l2resp.h"
#include "link.h"
#include "pins.h"
#include "responder.h"

/* End of a message: what to do when the maps are full. */
#define ENTRY_MORE_ROOM "; `xdp-l2resp attach IFACE --max-entries N` makes room for more"

/* Every address, or those of @ifindex if that isn't 0; see responder_read_all(). */
int entry_read_all(const struct pins *pins, uint32_t ifindex, struct entry_table *ret_table,
		   struct err *err);

/* True if @row follows its interface's MAC, but @mac, the interface's current one, differs. The
 * program answers with @row's MAC until the next attach. */
bool entry_mac_stale(const struct entry_row *row, const uint8_t mac[ETH_ALEN]);

/* *ret_ms: how long an entry of lease @slot still answers; UINT64_MAX: without limit, 0: expired.
 * Returns 0, or lease_stamp_read()'s errors. */
int entry_lease_remaining(const struct pins *pins, uint8_t slot, uint64_t *ret_ms, struct err *err);

/* Reads the entry of @key. -ENOENT, without a message: no such entry. */
int entry_get(const struct pins *pins, const struct entry_key *key, struct entry_row *ret_row,
	      struct err *err);

/* An address to add. */
struct entry_wanted {
	struct entry_key key;
	uint32_t line; /* in an imported file, 0 otherwise */
	struct entry_head head;
};

/*
 * Sorts @wanted and removes repeated addresses; *count becomes the number left. -EEXIST with @err
 * if an address is repeated with another MAC or override flag.
 */
int entry_unrepeat(struct entry_wanted *wanted, size_t *count, struct err *err);

struct entry_added {
	size_t added;	    /* moved to the front of the array */
	size_t present;	    /* existed already, with the same MAC and flags */
	struct err warning; /* grow_responders()'s, or empty */
};

/*
 * Adds @wanted, all or nothing; sorts the array. Existing addresses with the same MAC are left
 * alone. Maps that are too small are replaced by larger ones, also in @pins. -EEXIST: an address
 * exists, or is repeated in @wanted, with another MAC or override flag, or belongs to the agent;
 * -ENOSPC: more addresses of a family than pins->max_entries. @err names the address, and its line
 * if it has one.
 */
int entry_add(struct pins *pins, struct entry_wanted *wanted, size_t count,
	      responder_progress_fn *progress, struct entry_added *ret_added, struct err *err);

/*
 * Deletes the entries of @range (NULL: all) on @ifindex (0: all). Keeps the agent's entries while
 * their lease is valid; once it has expired they no longer answer, and a running agent deletes
 * them itself. *ret_deleted: number deleted; *ret_leased: number kept.
 */
int entry_delete(const struct pins *pins, const struct addr_range *range, uint32_t ifindex,
		 size_t *ret_deleted, size_t *ret_leased, struct err *err);

/* Moves @table's rows, with their counts, from interface @from to @to, and gives them its MAC, if
 * it has one, unless theirs is fixed; a row that exists on @to stays as it is. Deletes leased rows
 * instead: the agent may give one up meanwhile (leased.h). */
int entry_move(const struct pins *pins, const struct entry_table *table, uint32_t from,
	       const struct link *to, size_t *ret_moved, struct err *err);

#endif
