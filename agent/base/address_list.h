/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A growing list of addresses. */
#ifndef XDP_L2RESPD_ADDRESS_LIST_H
#define XDP_L2RESPD_ADDRESS_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "addr.h"
#include "alloc.h"

/* Zeroed: empty. */
struct address_list {
	struct address *list;
	size_t count, capacity;
};

static inline void address_list_free(struct address_list *addresses)
{
	free(addresses->list);
	*addresses = (struct address_list){};
}

static inline bool address_list_has(const struct address_list *addresses,
				    const struct address *address)
{
	for (size_t i = 0; i < addresses->count; i++)
		if (!address_compare(&addresses->list[i], address))
			return true;
	return false;
}

static inline void address_list_add(struct address_list *addresses, const struct address *address)
{
	ALLOC_GROW(addresses->list, addresses->count, addresses->capacity);
	addresses->list[addresses->count++] = *address;
}

static inline void address_list_add_all(struct address_list *addresses,
					const struct address_list *more)
{
	for (size_t i = 0; i < more->count; i++)
		address_list_add(addresses, &more->list[i]);
}

/* Appends @address unless the list has it. */
static inline void address_list_include(struct address_list *addresses,
					const struct address *address)
{
	if (!address_list_has(addresses, address))
		address_list_add(addresses, address);
}

/* The same addresses, in the same order? */
static inline bool address_list_same(const struct address_list *a, const struct address_list *b)
{
	return a->count == b->count &&
	       (!a->count || !memcmp(a->list, b->list, a->count * sizeof(*a->list)));
}

/* For qsort() and bsearch(). */
static inline int address_list_compare(const void *a, const void *b)
{
	return address_compare(a, b);
}

/* Sorts in ascending order. */
static inline void address_list_sort(struct address_list *addresses)
{
	if (addresses->count)
		qsort(addresses->list, addresses->count, sizeof(*addresses->list),
		      address_list_compare);
}

/* Sorts in ascending order and removes duplicates. */
static inline void address_list_sort_once(struct address_list *addresses)
{
	size_t kept = 0;

	address_list_sort(addresses);
	for (size_t i = 0; i < addresses->count; i++)
		if (!kept || address_compare(&addresses->list[kept - 1], &addresses->list[i]) != 0)
			addresses->list[kept++] = addresses->list[i];
	addresses->count = kept;
}

/* Is @address in a list in ascending order? */
static inline bool address_list_find(const struct address_list *addresses,
				     const struct address *address)
{
	return addresses->count && bsearch(address, addresses->list, addresses->count,
					   sizeof(*addresses->list), address_list_compare);
}

static inline bool address_list_has_all(const struct address_list *addresses,
					const struct address_list *others)
{
	for (size_t i = 0; i < others->count; i++)
		if (!address_list_has(addresses, &others->list[i]))
			return false;
	return true;
}

/* The same addresses, in any order? */
static inline bool address_list_equal(const struct address_list *a, const struct address_list *b)
{
	return a->count == b->count && address_list_has_all(b, a) && address_list_has_all(a, b);
}

#endif
