/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the agent needs of addresses beside loader/addr.h. */
#ifndef XDP_L2RESPD_ADDRESS_H
#define XDP_L2RESPD_ADDRESS_H

#include <linux/types.h>

#include "addr.h"
#include "err.h"

/* As memcmp(): IPv4 first, then by number. */
int address_compare(const struct address *a, const struct address *b);

/*
 * One address that a host may answer for. -EINVAL for what is none, -EADDRNOTAVAIL for multicast,
 * loopback, the unspecified address and broadcast, with @err; *ret_address untouched then.
 */
int address_parse(const char *text, struct address *ret_address, struct err *err);

/* IPv4 in network byte order; only for an address that is one. */
__be32 address_ip4(const struct address *address);
struct address address_from_ip4(__be32 ip4);

#endif
