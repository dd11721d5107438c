// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "addr.h"

static const uint8_t mapped_prefix[ADDRESS_V4_OFFSET] = { [10] = 0xff, [11] = 0xff };

/* clang-format off */
#define V4(a, b, c, d) { { [10] = 0xff, [11] = 0xff, a, b, c, d } }
/* clang-format on */

struct refused {
	struct addr_range range;
	const char *what;
};

static const struct refused refused_v4[] = {
	{ { V4(0, 0, 0, 0), V4(0, 0, 0, 0) }, "the unspecified address" },
	{ { V4(127, 0, 0, 0), V4(127, 255, 255, 255) }, "a loopback address (127.0.0.0/8)" },
	{ { V4(224, 0, 0, 0), V4(239, 255, 255, 255) }, "a multicast address (224.0.0.0/4)" },
	{ { V4(255, 255, 255, 255), V4(255, 255, 255, 255) }, "the broadcast address" },
};

static const struct refused refused_v6[] = {
	{ { {}, {} }, "the unspecified address" },
	{ { { { [15] = 1 } }, { { [15] = 1 } } }, "the loopback address" },
	{ { V4(0, 0, 0, 0), V4(255, 255, 255, 255) },
	  "an IPv4 address in IPv6's notation (::ffff:0:0/96)" },
	{ { { { 0xff } }, { { [0 ... 15] = 0xff } } }, "a multicast address (ff00::/8)" },
};

struct address address_from_v4(const void *ip4)
{
	struct address address;

	memcpy(address.bytes, mapped_prefix, sizeof(mapped_prefix));
	memcpy(address.bytes + ADDRESS_V4_OFFSET, ip4, sizeof(address.bytes) - ADDRESS_V4_OFFSET);
	return address;
}

bool address_is_v4(const struct address *address)
{
	return !memcmp(address->bytes, mapped_prefix, sizeof(mapped_prefix));
}

void address_increment(struct address *address)
{
	for (int i = sizeof(address->bytes) - 1; i >= 0 && !++address->bytes[i]; i--)
		;
}

char *address_format(const struct address *address, char text[INET6_ADDRSTRLEN])
{
	if (address_is_v4(address))
		inet_ntop(AF_INET, address->bytes + ADDRESS_V4_OFFSET, text, INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, address->bytes, text, INET6_ADDRSTRLEN);
	return text;
}

/* Reads the big-endian 64-bit number at @at. */
static uint64_t word_at(const uint8_t *at)
{
	uint64_t word = 0;

	for (int i = 0; i < 8; i++)
		word = word << 8 | at[i];
	return word;
}

bool addr_range_has(const struct addr_range *range, const struct address *address)
{
	return address_compare(&range->first, address) <= 0 &&
	       address_compare(address, &range->last) <= 0;
}

uint64_t addr_range_size(const struct addr_range *range)
{
	uint64_t low = word_at(range->last.bytes + 8) - word_at(range->first.bytes + 8);
	uint64_t high = word_at(range->last.bytes) - word_at(range->first.bytes);

	/* borrow of the low word's subtraction */
	high -= word_at(range->last.bytes + 8) < word_at(range->first.bytes + 8);
	return high || low == UINT64_MAX ? UINT64_MAX : low + 1;
}

/* Parses the first @length bytes of @text, as IPv6 if @v6, else as IPv4. */
static int family_parse(const char *text, size_t length, bool v6, struct address *ret_address)
{
	struct address address = {};
	char copy[INET6_ADDRSTRLEN];

	if (length >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, length);
	copy[length] = '\0';
	if (!v6)
		memcpy(address.bytes, mapped_prefix, sizeof(mapped_prefix));
	if (inet_pton(v6 ? AF_INET6 : AF_INET, copy,
		      address.bytes + (v6 ? 0 : ADDRESS_V4_OFFSET)) != 1)
		return -EINVAL;
	*ret_address = address;
	return 0;
}

int address_parse(const char *text, struct address *ret_address)
{
	return family_parse(text, strlen(text), strchr(text, ':'), ret_address);
}

/* Parses a prefix length of at most @bits. */
static int length_parse(const char *text, unsigned int bits, unsigned int *ret_length)
{
	char *end;
	unsigned long length = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end || length > bits)
		return -EINVAL;
	*ret_length = length;
	return 0;
}

static int cidr_parse(const char *text, const char *slash, bool v6, struct addr_range *range,
		      struct err *err)
{
	unsigned int bits = v6 ? 128 : 32, length;
	struct address network;

	if (family_parse(text, slash - text, v6, &range->first) ||
	    length_parse(slash + 1, bits, &length))
		return err_set(err, -EINVAL, "'%s' is not an IP prefix", text);
	range->last = network = range->first;
	for (unsigned int bit = 128 - bits + length; bit < 128; bit++) {
		uint8_t mask = 0x80 >> bit % 8;

		range->last.bytes[bit / 8] |= mask;
		network.bytes[bit / 8] &= ~mask;
	}
	if (address_compare(&network, &range->first)) {
		char network_text[INET6_ADDRSTRLEN];

		address_format(&network, network_text);
		return err_set(err, -EINVAL,
			       "%s has host bits set; write %.*s for the one address, or %s/%u",
			       text, (int)(slash - text), text, network_text, length);
	}
	return 0;
}

static int ends_parse(const char *text, const char *dash, bool v6, struct addr_range *range,
		      struct err *err)
{
	if (family_parse(text, dash - text, v6, &range->first) ||
	    family_parse(dash + 1, strlen(dash + 1), v6, &range->last))
		return err_set(err, -EINVAL, "'%s' is not a range FIRST-LAST of IP addresses",
			       text);
	if (address_compare(&range->first, &range->last) > 0)
		return err_set(err, -ERANGE, "%s runs backwards", text);
	return 0;
}

/* -EADDRNOTAVAIL with @err if @range has an address that is refused. */
static int range_check(const char *text, const struct addr_range *range,
		       const struct refused *refused, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		if (address_compare(&range->first, &refused[i].range.last) > 0 ||
		    address_compare(&range->last, &refused[i].range.first) < 0)
			continue;
		return err_set(err, -EADDRNOTAVAIL, "%s %s %s; it can't be announced", text,
			       address_compare(&range->first, &range->last) ? "includes" : "is",
			       refused[i].what);
	}
	return 0;
}

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

int addr_range_parse(const char *text, struct addr_range *ret_range, struct err *err)
{
	const char *slash = strchr(text, '/'), *dash = strchr(text, '-');
	bool v6 = strchr(text, ':');
	struct addr_range range;
	int r = 0;

	if (slash)
		r = cidr_parse(text, slash, v6, &range, err);
	else if (dash)
		r = ends_parse(text, dash, v6, &range, err);
	else if (address_parse(text, &range.first))
		r = err_set(err, -EINVAL, "'%s' is not an IP address", text);
	else
		range.last = range.first;
	if (!r && v6)
		r = range_check(text, &range, refused_v6, ARRAY_SIZE(refused_v6), err);
	else if (!r)
		r = range_check(text, &range, refused_v4, ARRAY_SIZE(refused_v4), err);
	if (!r)
		*ret_range = range;
	return r;
}

int addr_parse(const char *text, struct address *ret_address, struct err *err)
{
	struct addr_range range;
	int r = addr_range_parse(text, &range, err);

	if (!r && address_compare(&range.first, &range.last))
		r = err_set(err, -EINVAL, "one address at a time, not %s", text);
	if (!r)
		*ret_address = range.first;
	return r;
}

/* Parses groups of @bytes bytes, separated by @separator. */
static bool mac_parse_groups(const char *text, char separator, int bytes, uint8_t mac[ETH_ALEN])
{
	for (int i = 0; i < ETH_ALEN; i++) {
		if (i && i % bytes == 0 && *text++ != separator)
			return false;
		if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]))
			return false;
		mac[i] = strtoul((const char[]){ text[0], text[1], '\0' }, NULL, 16);
		text += 2;
	}
	return !*text;
}

int mac_parse(const char *text, uint8_t ret_mac[ETH_ALEN], struct err *err)
{
	static const uint8_t zero[ETH_ALEN];
	uint8_t mac[ETH_ALEN];

	if (!mac_parse_groups(text, ':', 1, mac) && !mac_parse_groups(text, '-', 1, mac) &&
	    !mac_parse_groups(text, '.', 2, mac))
		return err_set(err, -EINVAL, "'%s' is not a MAC address, such as 02:00:00:00:00:01",
			       text);
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
