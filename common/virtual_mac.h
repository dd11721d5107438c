/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Virtual MACs: one per address, the same on every host, so that a takeover changes no neighbour
 * entry. Locally administered, in the quadrant that administrators assign (IEEE 802c AAI, first
 * byte x2):
 *
 *     f2:4c:a.b.c.d    IPv4 address a.b.c.d: unique on a LAN
 *     f2:6c:h.h.h.h    IPv6 address: the 32-bit FNV-1a hash of its 16 bytes
 *
 * Among 1,000 IPv6 addresses on a LAN, two share a MAC with a probability of 1 in 8,600.
 */
#ifndef XDP_L2RESP_VIRTUAL_MAC_H
#define XDP_L2RESP_VIRTUAL_MAC_H

#include <stdbool.h>
#include <linux/types.h>

#define VIRTUAL_MAC_GROUP 0xf2
#define VIRTUAL_MAC_IPV4  0x4c
#define VIRTUAL_MAC_IPV6  0x6c

static inline __attribute__((always_inline)) bool mac_is_virtual(const __u8 mac[6])
{
	return mac[0] == VIRTUAL_MAC_GROUP &&
	       (mac[1] == VIRTUAL_MAC_IPV4 || mac[1] == VIRTUAL_MAC_IPV6);
}

/* Computes the virtual MAC of @address; an IPv4 address is in its last four bytes. */
static inline void virtual_mac(const __u8 address[16], bool is_v4, __u8 ret_mac[6])
{
	__u32 hash = 0x811c9dc5;

	ret_mac[0] = VIRTUAL_MAC_GROUP;
	ret_mac[1] = is_v4 ? VIRTUAL_MAC_IPV4 : VIRTUAL_MAC_IPV6;
	for (int i = 0; i < 16; i++)
		hash = (hash ^ address[i]) * 0x01000193;
	for (int i = 0; i < 4; i++)
		ret_mac[2 + i] = is_v4 ? address[12 + i] : hash >> (24 - 8 * i);
}

#endif
