/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Announces an address to the hosts and switches of a LAN: gratuitous ARP (RFC 5227 3, RFC 5944
 * 4.6), unsolicited neighbour advertisements (RFC 4861 7.2.6). */
#ifndef XDP_L2RESP_ANNOUNCE_H
#define XDP_L2RESP_ANNOUNCE_H

#include <stdbool.h>
#include <stdint.h>

#include "addr.h"
#include "err.h"
#include "link.h"

/* @address is at @mac. */
struct announcement {
	struct address address;
	uint8_t mac[ETH_ALEN];
	bool override; /* IPv6: the override flag (RFC 4861 4.4) */
};

/*
 * Opens a packet socket that sends on any interface: closing one waits for an RCU grace period, so
 * one serves all. Needs CAP_NET_RAW. Returns the descriptor, which the caller closes, or a negative
 * errno with @err.
 */
int announce_open(struct err *err);

/*
 * Announces to all hosts on @link. IPv4: broadcasts a request (RFC 5227) and a reply, since some
 * hosts accept only a reply. IPv6: an advertisement to all nodes. Returns 0, -ENETDOWN or another
 * negative errno with @err.
 */
int announce_send(int fd, const struct link *link, const struct announcement *what,
		  struct err *err);

#endif
