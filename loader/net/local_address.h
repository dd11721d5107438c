/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads this host's own addresses, local routes and proxy entries by rtnetlink. */
#ifndef XDP_L2RESP_LOCAL_ADDRESS_H
#define XDP_L2RESP_LOCAL_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "err.h"

struct local_address {
	struct address address;
	uint32_t
		ifindex; /* of a proxy entry also 0: on every interface, as `arp -s ADDR MAC pub` */
	bool proxy;	 /* `ip neigh add proxy` */
	bool host_scope; /* valid only on this host, as 127.0.0.1 */
};

struct local_address_table {
	struct local_address *rows;
	size_t count, capacity;
	/* of IPv4's local routes ("AnyIP": `ip route add local PREFIX dev lo`, or `ip address add
	   ADDR/24 dev lo`), without those that the kernel makes for single addresses; ascending,
	   disjoint */
	struct addr_range *routes;
	size_t route_count, route_capacity;
};

void local_address_table_free(struct local_address_table *table);

/* True if @message, RTM_NEWADDR or RTM_DELADDR, is about an address that only joins a multicast
 * group (filter.h). */
struct nlmsghdr;
bool local_address_is_group(const struct nlmsghdr *message);

/* Is @address in a local route of @table? */
bool local_address_routed(const struct local_address_table *table, const struct address *address);

/* Reads those of the caller's network namespace, rows unsorted. The caller frees *ret_table.
 * Returns 0 or a negative errno with @err. */
int local_address_read_all(struct local_address_table *ret_table, struct err *err);

#endif
