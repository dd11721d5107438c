/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Frames on the wire; all fields in network byte order. IPv4 addresses are bytes, since they are
 * unaligned. */
#ifndef XDP_L2RESP_WIRE_H
#define XDP_L2RESP_WIRE_H

#include <linux/if_ether.h>
#include <linux/types.h>

/* ar$op (RFC 826). Defined here because <linux/if_arp.h> includes libc headers, which BPF lacks. */
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

/* A VLAN tag (IEEE 802.1Q) without its protocol identifier; the next EtherType follows. */
struct vlan_tag {
	__be16 tci;
	__be16 type;
};

#define VLAN_TCI_VID 0x0fff

enum nd_type {
	ND_SOLICITATION = 135,
	ND_ADVERTISEMENT = 136,
};

/* Neighbour solicitation and advertisement (RFC 4861 4.3, 4.4); options follow. */
struct nd_message {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be32 flags; /* of an advertisement */
	__u8 target[16];
};

#define ND_FLAG_SOLICITED 0x40000000
#define ND_FLAG_OVERRIDE  0x20000000

enum nd_option_type {
	ND_OPTION_SOURCE = 1,
	ND_OPTION_TARGET = 2,
};

/* Source or target link-layer address (RFC 4861 4.6.1); the length counts eight bytes. */
struct nd_option {
	__u8 type;
	__u8 length;
	__u8 mac[ETH_ALEN];
};

#endif
