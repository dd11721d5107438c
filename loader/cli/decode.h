/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ARP and neighbour discovery frames as people and programs read them: in tcpdump's words, as JSON.
 */
#ifndef XDP_L2RESP_DECODE_H
#define XDP_L2RESP_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <jansson.h>
#include <netinet/in.h>
#include <linux/ipv6.h>

#include "addr.h"
#include "wire.h"

#define DECODE_MAX_TAGS 2

enum decode_kind {
	DECODE_OTHER, /* only the Ethernet header and tags are known */
	DECODE_ARP,
	DECODE_ND, /* a solicitation or an advertisement */
};

/* A tag and the protocol identifier before it; both in host byte order. */
struct decode_tag {
	uint16_t protocol;
	uint16_t tci;
};

struct decode_nd {
	struct ipv6hdr ip;
	struct nd_message message;
	bool has_mac; /* it carries the link-layer address option that goes with its type */
	uint8_t mac[ETH_ALEN];
};

/* A frame taken apart; the parts are as on the wire unless they say otherwise. */
struct decoded {
	enum decode_kind kind;
	bool truncated; /* the frame, or what there is of it, ends before the packet: no arp or nd
			 */
	struct ethhdr eth;
	unsigned int tags;
	struct decode_tag tag[DECODE_MAX_TAGS]; /* the outer one first */
	uint16_t type;				/* EtherType behind the tags, host byte order */
	uint32_t length;			/* bytes behind it, padding too */
	union {
		struct arp_packet arp;
		struct decode_nd nd;
	};
};

/*
 * Takes the frame at @bytes apart, of which @captured bytes are there and @length were on the wire.
 * Returns 0, or -EINVAL where there isn't an Ethernet header.
 */
int decode_frame(const void *bytes, size_t captured, size_t length, struct decoded *ret_decoded);

/* An ARP packet's addresses are IPv4's and Ethernet's; of another one nothing is known but its
 * header. */
bool decode_arp_is_usual(const struct decoded *decoded);

/* Does the frame say something of @address? */
bool decode_mentions(const struct decoded *decoded, const struct address *address);

/*
 * Who uses which address by sending the frame: the sender's protocol and hardware address; the
 * advertised target or the IPv6 source, and the link-layer address option or without one the
 * Ethernet source, as the data path compares them.
 * False: it doesn't say.
 */
bool decode_sender(const struct decoded *decoded, struct address *ret_address,
		   uint8_t ret_mac[ETH_ALEN]);

/* In tcpdump's words, without a newline. */
void decode_print(const struct decoded *decoded, FILE *to);

/* An object, the caller's; its fields are in the manual. */
json_t *decode_json(const struct decoded *decoded);

#endif
