/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The addresses' map: all that reads and changes it. Changes need the writers' lock
 * (pins_open_locked()). */
#ifndef XDP_L2RESP_ENTRY_H
#define XDP_L2RESP_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "err.h"
#include "l2resp.h"
#include "pins.h"

struct entry_row {
	struct responder_v4_key key;
	struct responder_v4_entry value;
};

struct entry_table {
	struct entry_row *rows;
	size_t count;
};

void entry_table_free(struct entry_table *table);

/*
 * Every address, or those of @ifindex if that isn't 0, sorted by interface and address. One that is
 * added or deleted meanwhile may or may not be among them. The caller frees *ret_table. Returns 0
 * or a negative errno with @err.
 */
int entry_read_all(const struct pins *pins, uint32_t ifindex, struct entry_table *ret_table,
		   struct err *err);

/* Called with an entry. Returns 0, or a negative errno, with @err, that ends the visit. */
typedef int entry_visit_fn(const struct responder_v4_key *key, const struct entry_head *head,
			   void *data, struct err *err);

/* Shows every address to @visit, in no order: cheaper than entry_read_all(), since nothing is kept.
 * Entries that change meanwhile as there. Returns 0, what @visit did, or a negative errno with
 * @err.
 */
int entry_visit_all(const struct pins *pins, entry_visit_fn *visit, void *data, struct err *err);

/* Answers sent, over all shards. */
uint64_t entry_responses(const struct responder_v4_entry *entry);

/* How long an entry of lease @slot may still answer, in ms; UINT64_MAX for ever, 0 not at all. */
uint64_t entry_lease_remaining_ms(const struct pins *pins, uint8_t slot);

/* The entry of @ip4 (network byte order) on @ifindex; -ENOENT without a message where there is
 * none. */
int entry_get(const struct pins *pins, __be32 ip4, uint32_t ifindex,
	      struct responder_v4_entry *ret_entry, struct err *err);

/* An address to add. */
struct entry_wanted {
	struct responder_v4_key key;
	struct entry_head head;
	uint32_t line; /* in an imported file, 0 otherwise */
};

struct entry_added {
	size_t added;
	size_t present; /* were there with the same MAC */
};

/* Called with how far a long write has come; may be NULL. */
typedef void entry_progress_fn(size_t done, size_t total);

/*
 * Adds @wanted, all or nothing, in one go; sorts the array. An address that is there with the same
 * MAC is left as it is. -EEXIST: one is there, or twice in @wanted, with another MAC, or belongs to
 * the agent; -ENOSPC: more than the free room. @err names the address, and the line where it has
 * one.
 */
int entry_add(const struct pins *pins, struct entry_wanted *wanted, size_t count,
	      entry_progress_fn *progress, struct entry_added *ret_added, struct err *err);

/*
 * Deletes hand-added addresses of @range (NULL: all) on @ifindex (0: all). *ret_deleted: how many;
 * *ret_leased: how many were left since they belong to the agent.
 */
int entry_delete(const struct pins *pins, const struct addr_range *range, uint32_t ifindex,
		 size_t *ret_deleted, size_t *ret_leased, struct err *err);

/* Gives the entries on @ifindex that follow their device's MAC the MAC @mac, in place: their counts
 * go on. */
int entry_follow_mac(const struct pins *pins, uint32_t ifindex, const uint8_t mac[ETH_ALEN],
		     struct err *err);

/*
 * Gives the entries of @wanted the heads that it has, in place: their counts go on. One that is
 * gone meanwhile is left out. For the agent, with its own lease slots' entries only.
 */
int entry_set_heads(const struct pins *pins, const struct entry_wanted *wanted, size_t count,
		    struct err *err);

/* Deletes the @count entries of @keys, whoever made them; one that is absent is no error. */
int entry_delete_keys(const struct pins *pins, const struct responder_v4_key *keys, size_t count,
		      struct err *err);

/* Puts @rows back under another interface number, counts and all. Rows that exist there already are
 * left alone. */
int entry_move(const struct pins *pins, const struct entry_table *rows, uint32_t from, uint32_t to,
	       size_t *ret_moved, struct err *err);

/* Writes @rows, counts and all, into the empty map @fd. */
int entry_write_rows(int fd, const struct entry_table *rows, struct err *err);

/*
 * Adds to the pinned entries what their counts grew by between @before and @after, two readings of
 * another map, in place and atomically.
 */
int entry_add_answers(const struct pins *pins, const struct entry_table *before,
		      const struct entry_table *after, struct err *err);

#endif
