/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses as users write them: 10.0.10.0, 10.0.10.0/24, 10.0.10.0-10.0.10.9, 02:00:00:00:00:01.
 */
#ifndef XDP_L2RESP_ADDR_H
#define XDP_L2RESP_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include <linux/if_ether.h>

#include "err.h"

/* An address of either family in network byte order; IPv4 as ::ffff:a.b.c.d, as in struct
 * conflict_key. */
struct address {
	uint8_t bytes[16];
};

/* Is @address an IPv4 one? */
bool address_is_v4(const struct address *address);

/* Dotted quad, or RFC 5952 for IPv6, to @text; returns it. */
char *address_format(const struct address *address, char text[INET6_ADDRSTRLEN]);

/* A range of IPv4 addresses, both ends included, in host byte order. */
struct addr_range {
	uint32_t first;
	uint32_t last;
};

/* Number of addresses in @range. */
uint64_t addr_range_size(const struct addr_range *range);

/*
 * ADDR, CIDR (every address in it, network and broadcast too) or FIRST-LAST. Returns 0, or with
 * @err: -EINVAL for what isn't one of these or has host bits beside its prefix; -ERANGE for a
 * backwards range; -EADDRNOTAVAIL for what no host answers for: multicast, 127.0.0.0/8, 0.0.0.0,
 * 255.255.255.255 (RFC 1122 3.2.1.3). @ret_range is untouched on failure.
 */
int addr_range_parse(const char *text, struct addr_range *ret_range, struct err *err);

/*
 * A unicast MAC, not zero. Returns 0; -EINVAL for what is no MAC, -EADDRNOTAVAIL for one that no
 * host has, with @err;
 * @ret_mac is untouched on failure.
 */
int mac_parse(const char *text, uint8_t ret_mac[ETH_ALEN], struct err *err);

#define MAC_TEXT_SIZE 18
/* Writes aa:bb:cc:dd:ee:ff to @text and returns it. */
char *mac_format(const uint8_t mac[ETH_ALEN], char text[MAC_TEXT_SIZE]);

/* Dotted quad of @ip4 (network byte order) to @text; returns it. */
char *ip4_format(__be32 ip4, char text[INET_ADDRSTRLEN]);

#endif
