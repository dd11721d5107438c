/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Builds an ARP request or neighbour solicitation as a host on the LAN sends it. */
#ifndef XDP_L2RESP_REQUEST_H
#define XDP_L2RESP_REQUEST_H

#include <stddef.h>
#include <stdint.h>
#include <linux/if_ether.h>

#include "addr.h"

#define REQUEST_MAX	 128
#define REQUEST_MAX_TAGS 2

struct request_tag {
	uint16_t protocol; /* 0x8100 or 0x88a8, host byte order */
	uint16_t vid;	   /* host byte order */
};

struct request {
	struct address target;
	struct address from; /* of the same family; unspecified: a probe (RFC 5227, RFC 4862) */
	uint8_t from_mac[ETH_ALEN];
	struct request_tag tags[REQUEST_MAX_TAGS]; /* outer first */
	unsigned int tag_count;
};

/*
 * Writes the frame: a broadcast ARP request padded to Ethernet's minimum, or a neighbour
 * solicitation to the solicited-node group with the source link-layer address option, or from ::
 * with a nonce option, as Linux sends it (RFC 7527). Returns its length.
 */
size_t request_write(const struct request *request, uint8_t frame[REQUEST_MAX]);

/* Returns the offset of the payload behind @request's tags. */
size_t request_payload(const struct request *request);

#endif
