/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks the LAN whether another host has an address: ARP probes (RFC 5227 2.1.1) and the
 * solicitations of duplicate address detection (RFC 4862 5.4.2), which teach nobody anything. */
#ifndef XDP_L2RESP_PROBE_H
#define XDP_L2RESP_PROBE_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/if_ether.h>

#include "addr.h"
#include "err.h"
#include "link.h"

/* A packet socket on @link that sends probes and hears what is said of addresses, also to all
 * nodes; it doesn't block. Needs CAP_NET_RAW. The caller closes it. */
int probe_open(const struct link *link, struct err *err);

/* Asks for @address. A link that goes down, or has a full queue, answers for nobody: no error. */
int probe_send(int fd, const struct link *link, const struct address *address, struct err *err);

/* The next frame of @fd in which somebody says that an address is his: true, with the address and
 * his MAC. False when there is none left, or sixteen others came first: then @fd stays readable.
 * Who only asks, as we do, says nothing. */
bool probe_receive(int fd, struct address *ret_address, uint8_t ret_mac[ETH_ALEN]);

#endif
