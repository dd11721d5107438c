// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "address.h"

static const uint8_t v4_prefix[12] = { [10] = 0xff, [11] = 0xff };

__be32 address_ip4(const struct address *address)
{
	__be32 ip4;

	memcpy(&ip4, address->bytes + sizeof(v4_prefix), sizeof(ip4));
	return ip4;
}

struct address address_from_ip4(__be32 ip4)
{
	struct address address = {};

	memcpy(address.bytes, v4_prefix, sizeof(v4_prefix));
	memcpy(address.bytes + sizeof(v4_prefix), &ip4, sizeof(ip4));
	return address;
}

int address_compare(const struct address *a, const struct address *b)
{
	bool v4 = address_is_v4(a);

	if (v4 != address_is_v4(b))
		return v4 ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

/* An IPv6 address that no host answers for, in words; NULL for any other. */
static const char *refused_v6(const struct in6_addr *ip6)
{
	if (IN6_IS_ADDR_UNSPECIFIED(ip6))
		return "the unspecified address";
	if (IN6_IS_ADDR_LOOPBACK(ip6))
		return "the loopback address";
	if (IN6_IS_ADDR_MULTICAST(ip6))
		return "a multicast address";
	return NULL;
}

int address_parse(const char *text, struct address *ret_address, struct err *err)
{
	struct address address = {};
	struct addr_range range;
	struct in6_addr ip6;
	const char *what;
	int r;

	if (strchr(text, ':')) {
		if (inet_pton(AF_INET6, text, &ip6) != 1)
			return err_set(err, -EINVAL, "'%s' is not an address", text);
		what = refused_v6(&ip6);
		if (what)
			return err_set(err, -EADDRNOTAVAIL, "%s is %s; it can't be announced", text,
				       what);
		memcpy(address.bytes, &ip6, sizeof(ip6));
		if (!IN6_IS_ADDR_V4MAPPED(&ip6)) {
			*ret_address = address;
			return 0;
		}
		/* an IPv4 address in long: the same rules */
		char ip[INET6_ADDRSTRLEN];

		address_format(&address, ip);
		return address_parse(ip, ret_address, err);
	}
	if (strpbrk(text, "/-"))
		return err_set(err, -EINVAL, "'%s' is not an address", text);
	r = addr_range_parse(text, &range, err);
	if (r < 0)
		return r;
	*ret_address = address_from_ip4(htonl(range.first));
	return 0;
}
