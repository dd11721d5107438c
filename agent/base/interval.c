// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "binary_search.h"
#include "interval.h"

void interval_set_free(struct interval_set *set)
{
	free(set->list);
	*set = (struct interval_set){};
}

/* Index of the first element that ends at @address or after it. */
static size_t find(const struct interval_set *set, const struct address *address)
{
	return SEARCH_FIRST(at, set->count, address_compare(&set->list[at].last, address) < 0);
}

/* These don't wrap: addr_range_parse() rejects the first and the last address of all. */
static struct address before(struct address address)
{
	for (int i = sizeof(address.bytes) - 1; i >= 0 && !address.bytes[i]--; i--)
		;
	return address;
}

static struct address after(struct address address)
{
	address_increment(&address);
	return address;
}

/* Replaces the @gone elements at @at by the @count elements at @with. */
static void splice(struct interval_set *set, size_t at, size_t gone, const struct addr_range *with,
		   size_t count)
{
	if (set->count - gone + count > set->capacity) {
		set->capacity = 2 * set->capacity + count;
		set->list = xreallocarray(set->list, set->capacity, sizeof(*set->list));
	}
	if (gone != count)
		memmove(set->list + at + count, set->list + at + gone,
			(set->count - at - gone) * sizeof(*set->list));
	if (count)
		memcpy(set->list + at, with, count * sizeof(*with));
	set->count = set->count - gone + count;
}

void interval_set_add(struct interval_set *set, const struct addr_range *range)
{
	struct address touching = before(range->first), next = after(range->last);
	size_t from = find(set, &touching), to = from;
	struct addr_range whole = *range;

	while (to < set->count && address_compare(&set->list[to].first, &next) <= 0)
		to++;
	if (from < to) {
		if (address_compare(&set->list[from].first, &whole.first) < 0)
			whole.first = set->list[from].first;
		if (address_compare(&set->list[to - 1].last, &whole.last) > 0)
			whole.last = set->list[to - 1].last;
	}
	splice(set, from, to - from, &whole, 1);
}

void interval_set_remove(struct interval_set *set, const struct addr_range *range)
{
	size_t from = find(set, &range->first), to = from, count = 0;
	struct addr_range rest[2];

	while (to < set->count && address_compare(&set->list[to].first, &range->last) <= 0)
		to++;
	if (from == to)
		return;
	if (address_compare(&set->list[from].first, &range->first) < 0)
		rest[count++] = (struct addr_range){ set->list[from].first, before(range->first) };
	if (address_compare(&set->list[to - 1].last, &range->last) > 0)
		rest[count++] = (struct addr_range){ after(range->last), set->list[to - 1].last };
	splice(set, from, to - from, rest, count);
}

bool interval_set_lowest(const struct interval_set *set, const struct addr_range *range,
			 struct address *ret_address)
{
	size_t at = find(set, &range->first);
	const struct address *lowest;

	if (at == set->count || address_compare(&set->list[at].first, &range->last) > 0)
		return false;
	lowest = &set->list[at].first;
	*ret_address = address_compare(lowest, &range->first) > 0 ? *lowest : range->first;
	return true;
}
