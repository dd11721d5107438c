// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"

/* Ranges that no host answers for, in host byte order. */
static const struct {
	struct addr_range range;
	const char *what;
} refused[] = {
	{ { 0x00000000, 0x00000000 }, "0.0.0.0, which stands for no address" },
	{ { 0x7f000000, 0x7fffffff }, "a loopback address (127.0.0.0/8)" },
	{ { 0xe0000000, 0xefffffff }, "a multicast address (224.0.0.0/4)" },
	{ { 0xffffffff, 0xffffffff }, "the broadcast address" },
};

bool address_is_v4(const struct address *address)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(address->bytes, mapped, sizeof(mapped));
}

char *address_format(const struct address *address, char text[INET6_ADDRSTRLEN])
{
	bool v4 = address_is_v4(address);

	inet_ntop(v4 ? AF_INET : AF_INET6, address->bytes + (v4 ? 12 : 0), text, INET6_ADDRSTRLEN);
	return text;
}

uint64_t addr_range_size(const struct addr_range *range)
{
	return (uint64_t)range->last - range->first + 1;
}

/* @text up to @length as a dotted quad in host byte order. */
static int ip4_parse(const char *text, size_t length, uint32_t *ret_ip4)
{
	char copy[INET_ADDRSTRLEN];
	struct in_addr address;

	if (length >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, length);
	copy[length] = '\0';
	if (inet_pton(AF_INET, copy, &address) != 1)
		return -EINVAL;
	*ret_ip4 = ntohl(address.s_addr);
	return 0;
}

static int prefix_parse(const char *text, unsigned int *ret_length)
{
	char *end;
	unsigned long length = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end || length > 32)
		return -EINVAL;
	*ret_length = length;
	return 0;
}

static int cidr_parse(const char *text, const char *slash, struct addr_range *range,
		      struct err *err)
{
	unsigned int length;
	uint32_t host_bits;

	if (ip4_parse(text, slash - text, &range->first) || prefix_parse(slash + 1, &length))
		return err_set(err, -EINVAL, "'%s' is not an IPv4 prefix", text);
	host_bits = length ? (uint32_t)((1ULL << (32 - length)) - 1) : UINT32_MAX;
	if (range->first & host_bits) {
		char network[INET_ADDRSTRLEN];

		ip4_format(htonl(range->first & ~host_bits), network);
		return err_set(err, -EINVAL,
			       "%s has host bits set; write %.*s for the one address, or %s/%u",
			       text, (int)(slash - text), text, network, length);
	}
	range->last = range->first | host_bits;
	return 0;
}

int addr_range_parse(const char *text, struct addr_range *ret_range, struct err *err)
{
	const char *slash = strchr(text, '/'), *dash = strchr(text, '-');
	struct addr_range range;

	if (strchr(text, ':'))
		return err_set(err, -EINVAL, "'%s': only IPv4 addresses can be announced", text);
	if (slash) {
		int r = cidr_parse(text, slash, &range, err);

		if (r < 0)
			return r;
	} else if (dash) {
		if (ip4_parse(text, dash - text, &range.first) ||
		    ip4_parse(dash + 1, strlen(dash + 1), &range.last))
			return err_set(err, -EINVAL, "'%s' is not an IPv4 range FIRST-LAST", text);
		if (range.first > range.last)
			return err_set(err, -ERANGE, "%s runs backwards", text);
	} else {
		if (ip4_parse(text, strlen(text), &range.first))
			return err_set(err, -EINVAL, "'%s' is not an IPv4 address", text);
		range.last = range.first;
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (range.first > refused[i].range.last || range.last < refused[i].range.first)
			continue;
		return err_set(err, -EADDRNOTAVAIL, "%s %s %s; it can't be announced", text,
			       range.first == range.last ? "is" : "includes", refused[i].what);
	}
	*ret_range = range;
	return 0;
}

int mac_parse(const char *text, uint8_t ret_mac[ETH_ALEN], struct err *err)
{
	static const uint8_t zero[ETH_ALEN];
	uint8_t mac[ETH_ALEN];

	for (int i = 0; i < MAC_TEXT_SIZE; i++) {
		char wanted_end = i == MAC_TEXT_SIZE - 1 ? '\0' : ':';

		if (i % 3 == 2 ? text[i] != wanted_end : !isxdigit((unsigned char)text[i]))
			return err_set(err, -EINVAL, "'%s' is not a MAC address", text);
	}
	for (int i = 0; i < ETH_ALEN; i++)
		mac[i] = strtoul(text + 3L * i, NULL, 16);
	if (mac[0] & 1)
		return err_set(err, -EADDRNOTAVAIL,
			       "%s is a multicast MAC; no host answers with it", text);
	if (!memcmp(mac, zero, sizeof(mac)))
		return err_set(err, -EADDRNOTAVAIL, "%s is the zero MAC; no host answers with it",
			       text);
	memcpy(ret_mac, mac, sizeof(mac));
	return 0;
}

char *mac_format(const uint8_t mac[ETH_ALEN], char text[MAC_TEXT_SIZE])
{
	snprintf(text, MAC_TEXT_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		 mac[3], mac[4], mac[5]);
	return text;
}

char *ip4_format(__be32 ip4, char text[INET_ADDRSTRLEN])
{
	inet_ntop(AF_INET, &ip4, text, INET_ADDRSTRLEN);
	return text;
}
