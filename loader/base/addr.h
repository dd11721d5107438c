/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parses and formats IP and MAC addresses: 10.0.10.0, 10.0.10.0/24, 2001:db8::7-2001:db8::9,
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
 * An address of either family, in network byte order. IPv4 is stored as ::ffff:a.b.c.d; users can't
 * enter mapped addresses, so the bytes determine the family.
 */
struct address {
	uint8_t bytes[16];
};

/* Offset of an IPv4 address's four bytes in struct address. */
#define ADDRESS_V4_OFFSET 12

bool address_is_v4(const struct address *address);

/* Converts four bytes in network byte order to ::ffff:a.b.c.d. */
struct address address_from_v4(const void *ip4);

/* Parses any address of either family, also multicast and the like. Returns 0 or -EINVAL. */
int address_parse(const char *text, struct address *ret_address);

/* Compares the addresses' bytes as memcmp() does. */
static inline int address_compare(const struct address *a, const struct address *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

/* Hashes @address for tables of up to 2^32 slots: every byte affects the low bits. */
static inline uint32_t address_hash(const struct address *address)
{
	const uint64_t golden = 0x9e3779b97f4a7c15; /* 2^64 over the golden ratio */
	uint64_t words[2], hash;

	memcpy(words, address->bytes, sizeof(words));
	hash = (words[0] ^ words[1]) * golden;
	return (hash ^ hash >> 32) * golden >> 32;
}

/* Adds 1 to @address; the last address becomes the first. */
void address_increment(struct address *address);

/* Writes a dotted quad, or RFC 5952's form, to @text and returns it. */
char *address_format(const struct address *address, char text[INET6_ADDRSTRLEN]);

/* A range of addresses of one family, both ends included. */
struct addr_range {
	struct address first;
	struct address last;
};

/* Returns the number of addresses in @range, at most UINT64_MAX. */
uint64_t addr_range_size(const struct addr_range *range);

bool addr_range_has(const struct addr_range *range, const struct address *address);

/*
 * Parses ADDR, CIDR (every address in it, also the first and last) or FIRST-LAST, of either family.
 * Returns 0, or with @err: -EINVAL: a syntax error, or host bits are set; -ERANGE: FIRST is beyond
 * LAST; -EADDRNOTAVAIL: no host may answer for it (RFC 1122 3.2.1.3, RFC 4291 2.5, 2.7). Link-local
 * IPv6 addresses are accepted: virtual routers have them (RFC 9568 5.2.9), and an entry's interface
 * is their zone. @ret_range is untouched on failure.
 */
int addr_range_parse(const char *text, struct addr_range *ret_range, struct err *err);

/* addr_range_parse() of ADDR only. */
int addr_parse(const char *text, struct address *ret_address, struct err *err);

/*
 * Parses aa:bb:cc:dd:ee:ff, aa-bb-cc-dd-ee-ff or aabb.ccdd.eeff. Returns 0, or with @err: -EINVAL:
 * a syntax error; -EADDRNOTAVAIL: a multicast MAC, or zero. @ret_mac is untouched on failure.
 */
int mac_parse(const char *text, uint8_t ret_mac[ETH_ALEN], struct err *err);

#define MAC_TEXT_SIZE 18
/* Writes aa:bb:cc:dd:ee:ff to @text and returns it. */
char *mac_format(const uint8_t mac[ETH_ALEN], char text[MAC_TEXT_SIZE]);

#endif
