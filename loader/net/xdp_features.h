/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a driver can do at the XDP hook, asked of the generic netlink family "netdev". */
#ifndef XDP_L2RESP_XDP_FEATURES_H
#define XDP_L2RESP_XDP_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Has the driver of @ifindex native XDP? Returns 0, or -EOPNOTSUPP where the kernel can't tell
 * (before 6.3), or another negative errno.
 */
int xdp_features_native(uint32_t ifindex, bool *ret_native);

#endif
