/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gratuitous ARP (RFC 5227 3, RFC 5944 4.6): tells the LAN's caches and switches where an address
 * is. */
#ifndef XDP_L2RESP_ANNOUNCE_H
#define XDP_L2RESP_ANNOUNCE_H

#include <linux/if_ether.h>
#include <linux/types.h>

#include "err.h"
#include "link.h"

/*
 * Opens a packet socket that sends on @link. Needs CAP_NET_RAW. Returns the descriptor, which the
 * caller closes, or a negative errno with @err.
 */
int announce_open(const struct link *link, struct err *err);

/*
 * Broadcasts that @ip4 (network byte order) is at @mac, once in each form: as a request (RFC 5227),
 * and as a reply, which some caches heed alone. -ENETDOWN and others with @err.
 */
int announce_send(int fd, const struct link *link, __be32 ip4, const __u8 mac[ETH_ALEN],
		  struct err *err);

#endif
