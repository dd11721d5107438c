/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses as users write them: 10.0.10.0, 10.0.10.0/24, 2001:db8::7-2001:db8::9,
 * 02:00:00:00:00:01. */
#ifndef XDP_L2RESP_ADDR_H
#define XDP_L2RESP_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <netinet/in.h>
#include <linux/if_ether.h>

#include "err.h"

/*
 * An address of either family, in network byte order; IPv4 mapped, ::ffff:a.b.c.d. What users write
 * as a mapped address is refused, so the bytes tell the family.
 */
struct address {
	uint8_t bytes[16];
};

/* Where an IPv4 address's four bytes lie in one. */
#define ADDRESS_V4_OFFSET 12

bool address_is_v4(const struct address *address);

/* The IPv4 address whose four bytes @ip4 are, in network byte order: ::ffff:a.b.c.d. */
struct address address_from_v4(const void *ip4);

/* Any address of either family, also one that no host has. Returns 0 or -EINVAL. */
int address_parse(const char *text, struct address *ret_address);

/* As memcmp(): the order of the addresses' bytes. */
static inline int address_compare(const struct address *a, const struct address *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

/* For hash tables of up to 2^32 places: every byte of @address reaches the low bits. */
static inline uint32_t address_hash(const struct address *address)
{
	const uint64_t golden = 0x9e3779b97f4a7c15; /* 2^64 over the golden ratio */
	uint64_t words[2], hash;

	memcpy(words, address->bytes, sizeof(words));
	hash = (words[0] ^ words[1]) * golden;
	return (hash ^ hash >> 32) * golden >> 32;
}

/* @address + 1; the last address is followed by the first. */
void address_increment(struct address *address);

/* Dotted quad, or RFC 5952's form, to @text; returns it. */
char *address_format(const struct address *address, char text[INET6_ADDRSTRLEN]);

/* A range of addresses of one family, both ends included. */
struct addr_range {
	struct address first;
	struct address last;
};

/* Number of addresses in @range; UINT64_MAX stands for as many and for more. */
uint64_t addr_range_size(const struct addr_range *range);

bool addr_range_has(const struct addr_range *range, const struct address *address);

/*
 * ADDR, CIDR (every address in it, first and last too) or FIRST-LAST, of either family. Returns 0,
 * or with @err: -EINVAL for what isn't one of these or has host bits beside its prefix; -ERANGE for
 * a backwards range; -EADDRNOTAVAIL for what no host answers for (RFC 1122 3.2.1.3, RFC 4291 2.5,
 * 2.7). Link-local IPv6 addresses are good ones: virtual routers have them (RFC 9568 5.2.9), and
 * the interface that goes with each entry is their zone. @ret_range is untouched on failure.
 */
int addr_range_parse(const char *text, struct addr_range *ret_range, struct err *err);

/* The same for ADDR alone. */
int addr_parse(const char *text, struct address *ret_address, struct err *err);

/*
 * A unicast MAC, not zero: aa:bb:cc:dd:ee:ff, aa-bb-cc-dd-ee-ff or aabb.ccdd.eeff. Returns 0;
 * -EINVAL for what is no MAC, -EADDRNOTAVAIL for one that no host has, with @err;
 * @ret_mac is untouched on failure.
 */
int mac_parse(const char *text, uint8_t ret_mac[ETH_ALEN], struct err *err);

#define MAC_TEXT_SIZE 18
/* Writes aa:bb:cc:dd:ee:ff to @text and returns it. */
char *mac_format(const uint8_t mac[ETH_ALEN], char text[MAC_TEXT_SIZE]);

#endif
