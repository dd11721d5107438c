/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef XDP_L2RESP_MAC_LIST_H
#define XDP_L2RESP_MAC_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/if_ether.h>

/* Destination MACs, sorted. An IPv6 group is stored as the MAC that it maps to (RFC 2464 7). */
struct mac_list {
	uint8_t (*macs)[ETH_ALEN];
	size_t count;
	size_t capacity;
};

/* For _cleanup_(). */
void mac_list_free(struct mac_list *list);

/* Compares two MACs as memcmp() does. */
int mac_compare(const void *a, const void *b);

/* Appends @mac. */
void mac_list_add(struct mac_list *list, const uint8_t mac[ETH_ALEN]);

/* Sorts @list and removes duplicates. */
void mac_list_sort(struct mac_list *list);

/* True if the sorted @list has @mac. */
bool mac_list_has(const struct mac_list *list, const uint8_t mac[ETH_ALEN]);

#endif
