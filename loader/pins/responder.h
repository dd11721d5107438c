/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads and writes the two maps of addresses, one per family, as one, in batches, and converts
 * between rows and the maps' layouts. entry.h checks what may be written.
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
#include "map.h"
#include "pins.h"
#include "row.h"

/* Returns the family whose map @address belongs in. */
enum pins_family responder_family(const struct address *address);

/*
 * @fds below: the two maps by family, the pinned ones, or others that will replace them or were
 * replaced. One may be missing (-1) only for visits and responder_read_all().
 */

static inline void cleanup_responders(int (*fds)[PINS_FAMILIES])
{
	for (int family = 0; family < PINS_FAMILIES; family++)
		cleanup_close(&(*fds)[family]);
}

/* Called with a row. Returns 0 to go on; a negative errno with @err ends the visit. */
typedef int responder_visit_fn(const struct entry_row *row, void *data, struct err *err);

/*
 * Calls @visit for all rows, in no order, without storing them. Rows that are added or deleted
 * meanwhile may or may not be visited. Returns 0, @visit's error, or a negative errno with @err.
 */
int responder_visit(const int fds[PINS_FAMILIES], responder_visit_fn *visit, void *data,
		    struct err *err);

/* How far a visit has come; zeroed before it begins. It has ended once @family is PINS_FAMILIES. */
struct responder_cursor {
	enum pins_family family;
	struct map_cursor map;
};

/* responder_visit() of the next thousand rows, or of the rest. */
int responder_visit_some(const int fds[PINS_FAMILIES], struct responder_cursor *cursor,
			 responder_visit_fn *visit, void *data, struct err *err);

/*
 * Reads the rows of @ifindex (0: all), sorted. Rows that are added or deleted meanwhile may or may
 * not be included. The caller frees *ret_table. Returns 0 or a negative errno with @err.
 */
int responder_read_all(const int fds[PINS_FAMILIES], uint32_t ifindex,
		       struct entry_table *ret_table, struct err *err);

/* Reads the row of @key. -ENOENT without a message: it doesn't exist. */
int responder_get(const int fds[PINS_FAMILIES], const struct entry_key *key,
		  struct entry_row *ret_row, struct err *err);

/* Inserts @row; -EEXIST and -E2BIG (the map is full) without a message. */
int responder_insert(const int fds[PINS_FAMILIES], const struct entry_row *row, struct err *err);

/* Returns row @index of @from. */
typedef struct entry_row responder_row_fn(const void *from, size_t index);

/* Called with the progress of a long write; may be NULL. */
typedef void responder_progress_fn(size_t done, size_t total);

/*
 * Writes @count rows, got by @row_of from @from, none of which may exist; leaves out damaged ones.
 * On failure removes those already written.
 */
int responder_write(const int fds[PINS_FAMILIES], responder_row_fn *row_of, const void *from,
		    size_t count, responder_progress_fn *progress, struct err *err);

/* responder_write() of @table's rows, with their counts of answers. */
int responder_write_table(const int fds[PINS_FAMILIES], const struct entry_table *table,
			  struct err *err);
#endif
