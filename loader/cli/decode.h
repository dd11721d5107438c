/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decodes ARP and neighbour discovery frames, and prints them as tcpdump does or as JSON. */
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
	bool has_mac; /* it has the link-layer address option of its type */
	uint8_t mac[ETH_ALEN];
};

/* A decoded frame; fields are in network byte order unless noted. */
struct decoded {
	enum decode_kind kind;
	bool truncated; /* the captured part ends before the packet: arp and nd aren't set */
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
 * Decodes the frame at @bytes, of which @captured bytes are available and @length were on the wire.
 * Returns 0, or -EINVAL if the Ethernet header is incomplete.
 */
int decode_frame(const void *bytes, size_t captured, size_t length, struct decoded *ret_decoded);

/* True if @address is one of the frame's sender or target addresses. */
bool decode_mentions(const struct decoded *decoded, const struct address *address);

/*
 * Reads the address that the frame's sender uses, and its MAC, as the data path compares them: spa
 * and sha; or the advertised target or IPv6 source, and the link-layer address option or, without
 * one, the Ethernet source. Returns false if there are none.
 */
bool decode_sender(const struct decoded *decoded, struct address *ret_address,
		   uint8_t ret_mac[ETH_ALEN]);

/* Prints the frame as tcpdump does, without a newline. */
void decode_print(const struct decoded *decoded, FILE *to);

/* Returns a new reference; the manual describes the fields. */
json_t *decode_json(const struct decoded *decoded);

#endif
