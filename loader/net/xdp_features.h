/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads a driver's XDP features from the generic netlink family "netdev". */
#ifndef XDP_L2RESP_XDP_FEATURES_H
#define XDP_L2RESP_XDP_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * *ret_native: the driver of @ifindex has native XDP. Returns 0; -EOPNOTSUPP: the kernel doesn't
 * tell (before 6.3); or another negative errno.
 */
int xdp_features_native(uint32_t ifindex, bool *ret_native);

#endif
