/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests to rtnetlink, one at a time. */
#ifndef XDP_L2RESP_RTNL_H
#define XDP_L2RESP_RTNL_H

#include <stdint.h>
#include <libmnl/libmnl.h>

/* Undoes netlink_open() and rtnl_open(); for _cleanup_. */
void cleanup_rtnl(struct mnl_socket **socket);

/* A netlink socket of @bus (NETLINK_ROUTE, NETLINK_GENERIC), which the caller closes. Returns 0 or
 * a negative errno. */
int netlink_open(int bus, struct mnl_socket **ret_socket);

/* One for the calls below, which the caller closes. Returns 0 or a negative errno. */
int rtnl_open(struct mnl_socket **ret_socket);

/* Sends @header and waits for what the kernel makes of it: 0 or its negative errno. */
int rtnl_change(struct mnl_socket *socket, struct nlmsghdr *header);

/* Sends the dump request @header and calls @callback with @data for each message. Returns 0 or a
 * negative errno. */
int rtnl_dump(struct mnl_socket *socket, struct nlmsghdr *header, mnl_cb_t callback, void *data);

#endif
