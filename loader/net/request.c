// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>
#include <linux/ipv6.h>

#include "request.h"
#include "wire.h"

#define ND_HOP_LIMIT	255
#define ND_OPTION_NONCE 14 /* RFC 3971 5.3.2 */

struct solicitation {
	struct ipv6hdr ip;
	struct nd_message nd;
	struct nd_option option;
} __attribute__((packed));

size_t request_payload(const struct request *request)
{
	return ETH_HLEN + request->tag_count * sizeof(struct vlan_tag);
}

static void write_arp(const struct request *request, uint8_t *at)
{
	struct arp_packet arp = { .hrd = htons(1),
				  .pro = htons(ETH_P_IP),
				  .hln = ETH_ALEN,
				  .pln = 4,
				  .op = htons(ARP_OP_REQUEST) };

	memcpy(arp.sha, request->from_mac, ETH_ALEN);
	memcpy(arp.spa, &request->from.bytes[12], sizeof(arp.spa));
	memcpy(arp.tpa, &request->target.bytes[12], sizeof(arp.tpa));
	memcpy(at, &arp, sizeof(arp));
}

/* RFC 1071, over the pseudo header (RFC 8200 8.1) and the message. */
static __be16 checksum(const struct solicitation *ns)
{
	const uint8_t *bytes = (const uint8_t *)&ns->ip.saddr;
	uint32_t sum = ntohs(ns->ip.payload_len) + IPPROTO_ICMPV6;

	for (size_t i = 0; i < sizeof(*ns) - offsetof(struct solicitation, ip.saddr); i += 2)
		sum += bytes[i] << 8 | bytes[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	return htons(~(sum + (sum >> 16)) & 0xffff);
}

static void write_nd(const struct request *request, uint8_t *at)
{
	static const struct address unspecified;
	bool probe = !address_compare(&request->from, &unspecified);
	struct solicitation ns = {
		.ip = { .version = 6,
			.payload_len = htons(sizeof(ns.nd) + sizeof(ns.option)),
			.nexthdr = IPPROTO_ICMPV6,
			.hop_limit = ND_HOP_LIMIT },
		.nd.type = ND_SOLICITATION,
		.option = { .type = probe ? ND_OPTION_NONCE : ND_OPTION_SOURCE, .length = 1 },
	};
	/* RFC 4291 2.7.1 */
	uint8_t group[16] = { 0xff, 0x02, [11] = 0x01, [12] = 0xff };

	memcpy(&group[13], &request->target.bytes[13], 3);
	memcpy(&ns.ip.saddr, request->from.bytes, sizeof(ns.ip.saddr));
	memcpy(&ns.ip.daddr, group, sizeof(ns.ip.daddr));
	memcpy(ns.nd.target, request->target.bytes, sizeof(ns.nd.target));
	memcpy(ns.option.mac, request->from_mac, ETH_ALEN);
	ns.nd.checksum = checksum(&ns);
	memcpy(at, &ns, sizeof(ns));
}

static void write_type(uint8_t *at, uint16_t type)
{
	at[0] = type >> 8;
	at[1] = type;
}

size_t request_write(const struct request *request, uint8_t frame[REQUEST_MAX])
{
	static const uint8_t multicast[] = { 0x33, 0x33, 0xff };
	bool v4 = address_is_v4(&request->target);
	size_t payload = request_payload(request), length;
	uint8_t *at = frame + offsetof(struct ethhdr, h_proto);

	memset(frame, 0, REQUEST_MAX);
	if (v4) {
		memset(frame, 0xff, ETH_ALEN);
	} else {
		/* RFC 2464 7 */
		memcpy(frame, multicast, sizeof(multicast));
		memcpy(frame + 3, &request->target.bytes[13], 3);
	}
	memcpy(frame + ETH_ALEN, request->from_mac, ETH_ALEN);
	for (unsigned int i = 0; i < request->tag_count; i++, at += sizeof(struct vlan_tag)) {
		write_type(at, request->tags[i].protocol);
		write_type(at + 2, request->tags[i].vid);
	}
	write_type(at, v4 ? ETH_P_ARP : ETH_P_IPV6);
	if (v4)
		write_arp(request, frame + payload);
	else
		write_nd(request, frame + payload);
	length = payload + (v4 ? sizeof(struct arp_packet) : sizeof(struct solicitation));
	return length < ETH_ZLEN ? ETH_ZLEN : length;
}
