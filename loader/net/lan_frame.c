// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>
#include <net/if_arp.h>

#include "lan_frame.h"

struct arp_packet arp_packet(enum arp_op op, const uint8_t sha[ETH_ALEN], const void *spa,
			     const void *tpa)
{
	struct arp_packet arp = { .hrd = htons(ARPHRD_ETHER),
				  .pro = htons(ETH_P_IP),
				  .hln = ETH_ALEN,
				  .pln = sizeof(arp.spa),
				  .op = htons(op) };

	memcpy(arp.sha, sha, sizeof(arp.sha));
	memcpy(arp.spa, spa, sizeof(arp.spa));
	memcpy(arp.tpa, tpa, sizeof(arp.tpa));
	return arp;
}

struct arp_frame arp_broadcast(enum arp_op op, const uint8_t sha[ETH_ALEN], const void *spa,
			       const void *tpa)
{
	struct arp_frame frame = { .eth.h_proto = htons(ETH_P_ARP),
				   .arp = arp_packet(op, sha, spa, tpa) };

	memset(frame.eth.h_dest, 0xff, ETH_ALEN);
	memcpy(frame.eth.h_source, sha, ETH_ALEN);
	return frame;
}

/* RFC 1071, with the pseudo-header (RFC 8200 8.1), whose addresses precede the message. */
static __be16 checksum(const struct nd_packet *packet)
{
	const uint8_t *bytes = (const uint8_t *)&packet->ip.saddr;
	uint32_t sum = ntohs(packet->ip.payload_len) + packet->ip.nexthdr;

	for (size_t i = 0; i < sizeof(*packet) - offsetof(struct nd_packet, ip.saddr); i += 2)
		sum += bytes[i] << 8 | bytes[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	return htons(~(sum + (sum >> 16)) & 0xffff);
}

void nd_complete(struct nd_packet *packet)
{
	packet->ip.version = 6;
	packet->ip.payload_len = htons(sizeof(packet->nd) + sizeof(packet->option));
	packet->ip.nexthdr = IPPROTO_ICMPV6;
	packet->ip.hop_limit = ND_HOP_LIMIT;
	packet->option.length = sizeof(packet->option) / 8;
	packet->nd.checksum = 0;
	packet->nd.checksum = checksum(packet);
}
