/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds other hosts that have an address: sends ARP probes (RFC 5227 2.1.1) and the solicitations
 * of duplicate address detection (RFC 4862 5.4.2), which update no caches. */
#ifndef XDP_L2RESP_PROBE_H
#define XDP_L2RESP_PROBE_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/if_ether.h>

#include "addr.h"
#include "err.h"
#include "link.h"

/* Opens a non-blocking packet socket on @link that sends probes and receives ARP and neighbour
 * advertisements, also those to all nodes. Needs CAP_NET_RAW. The caller closes it. */
int probe_open(const struct link *link, struct err *err);

/* Sends a probe for @address: 1. 0: it wasn't sent, since the link is down or its queue is full. */
int probe_send(int fd, const struct link *link, const struct address *address, struct err *err);

/* Receives the next frame that claims an address: true, with the address and its MAC. Frames that
 * only ask, as ours do, claim none. False: no frame is left; or sixteen without a claim were
 * skipped, and @fd stays readable. */
bool probe_receive(int fd, struct address *ret_address, uint8_t ret_mac[ETH_ALEN]);

#endif
