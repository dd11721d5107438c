/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests to the kernel by netlink, one at a time, on a socket that each thread keeps for them. */
#ifndef XDP_L2RESP_NETLINK_H
#define XDP_L2RESP_NETLINK_H

#include <libmnl/libmnl.h>

/*
 * Sends @header on @bus (NETLINK_ROUTE, NETLINK_GENERIC) and hands the one answer to @callback, if
 * it isn't NULL, with @data; with NLM_F_ACK the answer is whether it was done. Returns 0 or a
 * negative errno: the kernel's, or the socket's. A thread that asked stays in its network
 * namespace.
 */
int netlink_ask(int bus, struct nlmsghdr *header, mnl_cb_t callback, void *data);

/* The dump that @header asks NETLINK_ROUTE for: @callback with @data for each message. Returns 0
 * or a negative errno. */
int netlink_dump(struct nlmsghdr *header, mnl_cb_t callback, void *data);

#endif
