/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The frames of ARP and neighbour discovery that this host sends. */
#ifndef XDP_L2RESP_LAN_FRAME_H
#define XDP_L2RESP_LAN_FRAME_H

#include <linux/ipv6.h>

#include "wire.h"

/* Only hosts of the link itself may ask and say where an address is (RFC 4861 7.1). */
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

/* @sha has @spa, and says or asks something about @tpa; the addresses are four bytes in network
 * order. The target's MAC is zero. */
struct arp_packet arp_packet(enum arp_op op, const uint8_t sha[ETH_ALEN], const void *spa,
			     const void *tpa);

/* The same behind an Ethernet header, to all hosts. */
struct arp_frame arp_broadcast(enum arp_op op, const uint8_t sha[ETH_ALEN], const void *spa,
			       const void *tpa);

/* Fills what the rest of @packet decides: lengths, hop limit (RFC 4861 4.3), checksum. */
void nd_complete(struct nd_packet *packet);

#endif
