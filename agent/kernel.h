/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Would this node's kernel answer for an address by itself? Then every node's might, whoever holds
 * the lease, and our silence would be no silence.
 */
#ifndef XDP_L2RESPD_KERNEL_H
#define XDP_L2RESPD_KERNEL_H

#include <stdint.h>

#include "address.h"
#include "err.h"

struct kernel_view;

/* Reads the addresses on all interfaces, and what is proxied. */
int kernel_view_new(struct kernel_view **ret_view, struct err *err);
void kernel_view_free(struct kernel_view *view);

/* Would a new view say otherwise, of the interfaces that @view was asked about? True too where that
 * can't be found out. */
bool kernel_view_changed(const struct kernel_view *view);

/*
 * Would the kernel answer for @address on interface @ifindex, called @dev? True with the reason in
 * @ret_why. IPv4: the address is local and arp_ignore lets it, or proxy_arp or a proxy entry does.
 * IPv6: it is on that interface, or a proxy entry is.
 */
bool kernel_answers(struct kernel_view *view, const struct address *address, uint32_t ifindex,
		    const char *dev, struct err *ret_why);

#endif
