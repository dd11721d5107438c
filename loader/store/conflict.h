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

/* All that the LRU map still knows of other hosts: none with a MAC of an interface of this network
 * namespace. Sorted; the caller frees it. */
int conflict_read_all(const struct pins *pins, struct conflict_table *ret_table, struct err *err);

/* Frames in which others used the address of @key on its interface, over all their MACs. */
uint64_t conflict_count(const struct conflict_table *table, const struct entry_key *key);

#endif
