// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "alloc.h"
#include "binary_search.h"
#include "cleanup.h"
#include "local_address.h"
#include "netlink.h"

void local_address_table_free(struct local_address_table *table)
{
	free(table->rows);
	free(table->routes);
	*table = (struct local_address_table){};
}

static int table_add(struct local_address_table *table, const struct local_address *row)
{
	ALLOC_GROW(table->rows, table->count, table->capacity);
	table->rows[table->count++] = *row;
	return MNL_CB_OK;
}

/* False: @attribute isn't an IPv4 or IPv6 address. */
static bool parse_address(const struct nlattr *attribute, struct address *ret_address)
{
	uint16_t length = mnl_attr_get_payload_len(attribute);

	if (length != 4 && length != sizeof(ret_address->bytes))
		return false;
	if (length == 4)
		*ret_address = address_from_v4(mnl_attr_get_payload(attribute));
	else
		memcpy(ret_address->bytes, mnl_attr_get_payload(attribute), length);
	return true;
}

/* False: @message has no address, or one that only joins a multicast group. */
static bool address_of(const struct nlmsghdr *message, struct address *ret_address)
{
	const struct nlattr *attribute;
	bool local = false, found = false;

	mnl_attr_for_each(attribute, message, sizeof(struct ifaddrmsg))
	{
		uint16_t type = mnl_attr_get_type(attribute);

		/* with a peer, IFA_ADDRESS is the peer's */
		if (type != IFA_LOCAL && (type != IFA_ADDRESS || local))
			continue;
		local = type == IFA_LOCAL;
		found |= parse_address(attribute, ret_address);
	}
	return found && !IN6_IS_ADDR_MULTICAST((const struct in6_addr *)ret_address->bytes);
}

bool local_address_is_group(const struct nlmsghdr *message)
{
	struct address ignored;

	return !address_of(message, &ignored);
}

static int address_cb(const struct nlmsghdr *message, void *table)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(message);
	struct local_address row = { .ifindex = info->ifa_index,
				     .host_scope = info->ifa_scope == RT_SCOPE_HOST };

	return address_of(message, &row.address) ? table_add(table, &row) : MNL_CB_OK;
}

static int neighbour_cb(const struct nlmsghdr *message, void *table)
{
	const struct ndmsg *info = mnl_nlmsg_get_payload(message);
	struct local_address row = { .ifindex = info->ndm_ifindex, .proxy = true };
	const struct nlattr *attribute;
	bool found = false;

	mnl_attr_for_each(attribute, message, sizeof(*info))
	{
		if (mnl_attr_get_type(attribute) == NDA_DST)
			found = parse_address(attribute, &row.address);
	}
	return found && info->ndm_flags & NTF_PROXY ? table_add(table, &row) : MNL_CB_OK;
}

/* Dumps addresses (RTM_GETADDR) or proxy entries (RTM_GETNEIGH). */
static int dump(uint16_t type, size_t info_size, mnl_cb_t callback,
		struct local_address_table *table)
{
	char buffer[64];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	void *info = mnl_nlmsg_put_extra_header(header, info_size);

	header->nlmsg_type = type;
	if (type == RTM_GETNEIGH)
		((struct ndmsg *)info)->ndm_flags = NTF_PROXY;
	return netlink_dump(header, callback, table);
}

static int route_cb(const struct nlmsghdr *message, void *data)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(message);
	struct local_address_table *table = data;
	const struct nlattr *attribute;
	struct addr_range route = { .first = address_from_v4("\0\0\0") };

	/* one of an address; its prefix has one, too, if it is on lo */
	if (info->rtm_protocol == RTPROT_KERNEL && info->rtm_dst_len == 32)
		return MNL_CB_OK;
	mnl_attr_for_each(attribute, message, sizeof(*info))
	{
		if (mnl_attr_get_type(attribute) == RTA_DST)
			parse_address(attribute, &route.first);
	}
	route.last = route.first;
	for (unsigned int bit = info->rtm_dst_len; bit < 32; bit++)
		route.last.bytes[ADDRESS_V4_OFFSET + bit / 8] |= 0x80 >> bit % 8;
	ALLOC_GROW(table->routes, table->route_count, table->route_capacity);
	table->routes[table->route_count++] = route;
	return MNL_CB_OK;
}

/* A route before those that it contains. */
static int route_compare(const void *a, const void *b)
{
	const struct addr_range *left = a, *right = b;

	return address_compare(&left->first, &right->first)
		       ?: address_compare(&right->last, &left->last);
}

static int read_routes(struct local_address_table *table)
{
	char buffer[64];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct rtmsg *info = mnl_nlmsg_put_extra_header(header, sizeof(*info));
	size_t kept = 0;
	int r;

	header->nlmsg_type = RTM_GETROUTE;
	info->rtm_family = AF_INET;
	/* other tables are for marked packets, as of a transparent proxy, or for a VRF */
	info->rtm_table = RT_TABLE_LOCAL;
	info->rtm_type = RTN_LOCAL;
	r = netlink_dump(header, route_cb, table);
	if (r < 0)
		return r == -ENOENT ? 0 : r; /* no table, no interface is up */
	if (table->route_count)
		qsort(table->routes, table->route_count, sizeof(*table->routes), route_compare);
	for (size_t i = 0; i < table->route_count; i++)
		if (!kept ||
		    address_compare(&table->routes[i].first, &table->routes[kept - 1].last) > 0)
			table->routes[kept++] = table->routes[i];
	table->route_count = kept;
	return 0;
}

bool local_address_routed(const struct local_address_table *table, const struct address *address)
{
	size_t at = SEARCH_FIRST(i, table->route_count,
				 address_compare(&table->routes[i].last, address) < 0);

	return at < table->route_count && addr_range_has(&table->routes[at], address);
}

int local_address_read_all(struct local_address_table *ret_table, struct err *err)
{
	struct local_address_table table = {};
	int r = dump(RTM_GETADDR, sizeof(struct ifaddrmsg), address_cb, &table);

	if (!r)
		r = dump(RTM_GETNEIGH, sizeof(struct ndmsg), neighbour_cb, &table);
	if (!r)
		r = read_routes(&table);
	if (r < 0) {
		local_address_table_free(&table);
		return err_set(err, r, "asking for this host's own addresses: %s", strerror(-r));
	}
	*ret_table = table;
	return 0;
}
