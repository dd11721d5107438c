// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "mac_list.h"

void mac_list_free(struct mac_list *list)
{
	free(list->macs);
}

int mac_compare(const void *a, const void *b)
{
	return memcmp(a, b, ETH_ALEN);
}

void mac_list_add(struct mac_list *list, const uint8_t mac[ETH_ALEN])
{
	/* keeps the list short: neighbouring addresses mostly share one MAC */
	if (list->count && !mac_compare(list->macs[list->count - 1], mac))
		return;
	ALLOC_GROW(list->macs, list->count, list->capacity);
	memcpy(list->macs[list->count++], mac, ETH_ALEN);
}

void mac_list_sort(struct mac_list *list)
{
	size_t kept = 0;

	if (list->count)
		qsort(list->macs, list->count, ETH_ALEN, mac_compare);
	for (size_t i = 0; i < list->count; i++)
		if (!kept || mac_compare(list->macs[kept - 1], list->macs[i]) != 0)
			memmove(list->macs[kept++], list->macs[i], ETH_ALEN);
	list->count = kept;
}

bool mac_list_has(const struct mac_list *list, const uint8_t mac[ETH_ALEN])
{
	return list->count && bsearch(mac, list->macs, list->count, ETH_ALEN, mac_compare);
}
