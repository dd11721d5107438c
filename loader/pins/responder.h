/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The addresses' maps, one a family, as one: rows in and out of either's layout, in batches. What
 * may be written is decided above (entry.h).
 */
#ifndef XDP_L2RESP_RESPONDER_H
#define XDP_L2RESP_RESPONDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "cleanup.h"
#include "control.h"
#include "err.h"
#include "l2resp.h"
#include "pins.h"
#include "row.h"

/* Which of the maps has @address. */
enum pins_family responder_family(const struct address *address);

/*
 * The functions here take @fds, the two maps by family: those pinned, or others that are to take
 * their place or have lost it. Only responder_visit() and responder_read_all() do without one.
 */

static inline void cleanup_responders(int (*fds)[PINS_FAMILIES])
{
	for (int family = 0; family < PINS_FAMILIES; family++)
		cleanup_close(&(*fds)[family]);
}

/* Called with a row. Returns 0, or a negative errno, with @err, that ends the visit. */
typedef int responder_visit_fn(const struct entry_row *row, void *data, struct err *err);

/*
 * Shows all rows to @visit, in no order, without keeping them. One that is added or deleted
 * meanwhile may or may not be among them. Returns 0, what @visit did, or a negative errno with
 * @err.
 */
int responder_visit(const int fds[PINS_FAMILIES], responder_visit_fn *visit, void *data,
		    struct err *err);

/*
 * All rows, or those of @ifindex if that isn't 0, sorted. One that is added or deleted meanwhile
 * may or may not be among them. The caller frees *ret_table. Returns 0 or a negative errno with
 * @err.
 */
int responder_read_all(const int fds[PINS_FAMILIES], uint32_t ifindex,
		       struct entry_table *ret_table, struct err *err);

/* -ENOENT without a message where @key isn't there. */
int responder_get(const int fds[PINS_FAMILIES], const struct entry_key *key,
		  struct entry_row *ret_row, struct err *err);

/* Inserts @row; -EEXIST and -E2BIG (the map is full) without a message. */
int responder_insert(const int fds[PINS_FAMILIES], const struct entry_row *row, struct err *err);

/* The @index-th row of what @from points to. */
typedef struct entry_row responder_row_fn(const void *from, size_t index);

/* Called with how far a long write has come; may be NULL. */
typedef void responder_progress_fn(size_t done, size_t total);

/*
 * Writes @count rows, none of which is there, as @row_of makes them of @from. On failure none of
 * them is there either.
 */
int responder_write(const int fds[PINS_FAMILIES], responder_row_fn *row_of, const void *from,
		    size_t count, responder_progress_fn *progress, struct err *err);

/* The same with rows as they are, answers sent and all. */
int responder_write_table(const int fds[PINS_FAMILIES], const struct entry_table *table,
			  struct err *err);
#endif
