/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions to a family of generic netlink. */
#ifndef XDP_L2RESP_GENL_H
#define XDP_L2RESP_GENL_H

#include <stdint.h>
#include <libmnl/libmnl.h>

/* Adds what the question needs to @header. */
typedef void genl_put_fn(struct nlmsghdr *header, uint32_t ifindex);

/*
 * Asks @family for @command about interface @ifindex, and hands the one answer to @callback with
 * @data. Returns 0; -EOPNOTSUPP where the kernel has no such family; another negative errno.
 */
int genl_ask(const char *family, uint8_t command, genl_put_fn *put, uint32_t ifindex,
	     mnl_cb_t callback, void *data);

#endif
