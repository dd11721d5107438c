/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Other hosts that were seen using our addresses. */
#ifndef XDP_L2RESP_CONFLICT_H
#define XDP_L2RESP_CONFLICT_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "l2resp.h"
#include "pins.h"
#include "responder.h"

struct conflict_row {
	struct conflict_key key;
	struct conflict value;
};

struct conflict_table {
	struct conflict_row *rows;
	size_t count;
};

void conflict_table_free(struct conflict_table *table);

/* Reads the conflicts that are still in the LRU map, sorted, without those whose MAC is that of an
 * interface of this network namespace. The caller frees *ret_table. */
int conflict_read_all(const struct pins *pins, struct conflict_table *ret_table, struct err *err);

/* Returns the number of frames in which other hosts used the address of @key on its interface. */
uint64_t conflict_count(const struct conflict_table *table, const struct entry_key *key);

#endif
