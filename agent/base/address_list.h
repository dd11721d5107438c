/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A growing list of addresses. */
#ifndef XDP_L2RESPD_ADDRESS_LIST_H
#define XDP_L2RESPD_ADDRESS_LIST_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "addr.h"

/* All zero is an empty one. */
struct address_list {
	struct address *list;
	size_t count;
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

/* Appends @address; room grows by doubling. -ENOMEM leaves the list as it was. */
static inline int address_list_add(struct address_list *addresses, const struct address *address)
{
	size_t count = addresses->count;

	if (!(count & (count - 1))) {
		struct address *list =
			reallocarray(addresses->list, count ? 2 * count : 1, sizeof(*list));

		if (!list)
			return -ENOMEM;
		addresses->list = list;
	}
	addresses->list[addresses->count++] = *address;
	return 0;
}

#endif
