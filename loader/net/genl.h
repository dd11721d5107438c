/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests to a generic netlink family. */
#ifndef XDP_L2RESP_GENL_H
#define XDP_L2RESP_GENL_H

#include <stdint.h>
#include <libmnl/libmnl.h>

/* Adds the request's attributes to @header. */
typedef void genl_put_fn(struct nlmsghdr *header, uint32_t ifindex);

/*
 * Sends @command for interface @ifindex to @family, and passes the answer to @callback with @data.
 * Returns 0; -EOPNOTSUPP: the kernel doesn't have the family; or another negative errno.
 */
int genl_ask(const char *family, uint8_t command, genl_put_fn *put, uint32_t ifindex,
	     mnl_cb_t callback, void *data);

#endif
