/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Synchronous netlink requests to the kernel, on a socket that each thread keeps open. */
#ifndef XDP_L2RESP_NETLINK_H
#define XDP_L2RESP_NETLINK_H

#include <libmnl/libmnl.h>

/*
 * Sends @header on @bus (NETLINK_ROUTE, NETLINK_GENERIC) and passes the one answer to @callback
 * (NULL: none) with @data; with NLM_F_ACK waits for the acknowledgement. Returns 0 or a negative
 * errno, of the kernel or the socket. After a call a thread must not change its network namespace:
 * the socket stays in the former one.
 */
int netlink_ask(int bus, struct nlmsghdr *header, mnl_cb_t callback, void *data);

/*
 * Sends @header to NETLINK_ROUTE as a dump request: calls @callback with @data for each message of
 * a consistent answer. Returns 0 or a negative errno. -EINTR: each of many answers was interrupted
 * by a change; @callback wasn't called.
 */
int netlink_dump(struct nlmsghdr *header, mnl_cb_t callback, void *data);

#endif
