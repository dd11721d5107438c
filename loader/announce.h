/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tells the LAN's caches and switches where an address is: gratuitous ARP (RFC 5227 3, RFC 5944
 * 4.6), unsolicited neighbour advertisements (RFC 4861 7.2.6). */
#ifndef XDP_L2RESP_ANNOUNCE_H
#define XDP_L2RESP_ANNOUNCE_H

#include "err.h"
#include "link.h"
#include "responder.h"

/*
 * Opens a packet socket that sends on @link. Needs CAP_NET_RAW. Returns the descriptor, which the
 * caller closes, or a negative errno with @err.
 */
int announce_open(const struct link *link, struct err *err);

/*
 * Says to all on @link that @row's address is at @row's MAC. IPv4: broadcast, once in each form, as
 * a request (RFC 5227), and as a reply, which some caches heed alone. IPv6: an advertisement to all
 * nodes, with the override flag unless @row goes without. -ENETDOWN and others with @err.
 */
int announce_send(int fd, const struct link *link, const struct entry_row *row, struct err *err);

#endif
