/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of addresses as ranges: a /8 or a /64 is one element, and its lowest free address is found
 * without walking through it. */
#ifndef XDP_L2RESPD_INTERVAL_H
#define XDP_L2RESPD_INTERVAL_H

#include <stdbool.h>
#include <stddef.h>

#include "addr.h"

/* Disjoint ranges in ascending order, none adjacent to another. All zero is the empty set. */
struct interval_set {
	struct addr_range *list;
	size_t count;
	size_t capacity;
};

void interval_set_free(struct interval_set *set);

/* Adds or removes @range, of which any part may be in the set already. */
void interval_set_add(struct interval_set *set, const struct addr_range *range);
void interval_set_remove(struct interval_set *set, const struct addr_range *range);

/* The lowest address of the set that is in @range. False: there is none, and *ret_address is
 * untouched. */
bool interval_set_lowest(const struct interval_set *set, const struct addr_range *range,
			 struct address *ret_address);

static inline bool range_has(const struct addr_range *range, const struct address *address)
{
	return address_compare(&range->first, address) <= 0 &&
	       address_compare(address, &range->last) <= 0;
}

static inline bool ranges_overlap(const struct addr_range *a, const struct addr_range *b)
{
	return address_compare(&a->first, &b->last) <= 0 &&
	       address_compare(&b->first, &a->last) <= 0;
}

#endif
