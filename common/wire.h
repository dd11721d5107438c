/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Frames as they are on the wire; every field in network byte order. IPv4 addresses as bytes: they
 * lie unaligned. */
#ifndef XDP_L2RESP_WIRE_H
#define XDP_L2RESP_WIRE_H

#include <linux/if_ether.h>
#include <linux/types.h>

/* ar$op (RFC 826). Here, because <linux/if_arp.h> drags in libc, which a BPF target doesn't have.
 */
enum arp_op {
	ARP_OP_REQUEST = 1,
	ARP_OP_REPLY = 2,
};

/* The ARP packet for Ethernet and IPv4 (RFC 826), behind the Ethernet header and tags. */
struct arp_packet {
	__be16 hrd;
	__be16 pro;
	__u8 hln;
	__u8 pln;
	__be16 op;
	__u8 sha[ETH_ALEN];
	__u8 spa[4];
	__u8 tha[ETH_ALEN];
	__u8 tpa[4];
};

#endif
