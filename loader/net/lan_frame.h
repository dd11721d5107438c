/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Builds the ARP and neighbour discovery frames that this host sends. */
#ifndef XDP_L2RESP_LAN_FRAME_H
#define XDP_L2RESP_LAN_FRAME_H

#include <linux/ipv6.h>

#include "wire.h"

/* Receivers drop other values, which a router has forwarded (RFC 4861 7.1). */
#define ND_HOP_LIMIT 255

struct arp_frame {
	struct ethhdr eth;
	struct arp_packet arp;
} __attribute__((packed));

struct nd_packet {
	struct ipv6hdr ip;
	struct nd_message nd;
	struct nd_option option;
} __attribute__((packed));

struct nd_frame {
	struct ethhdr eth;
	struct nd_packet packet;
} __attribute__((packed));

/* Returns a packet with a zero tha. @spa and @tpa: four bytes in network order. */
struct arp_packet arp_packet(enum arp_op op, const uint8_t sha[ETH_ALEN], const void *spa,
			     const void *tpa);

/* arp_packet() with an Ethernet header to the broadcast address. */
struct arp_frame arp_broadcast(enum arp_op op, const uint8_t sha[ETH_ALEN], const void *spa,
			       const void *tpa);

/* Fills in @packet's lengths, hop limit (RFC 4861 4.3) and checksum; all else must be set. */
void nd_complete(struct nd_packet *packet);

#endif
