// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>

#include "lan_frame.h"
#include "request.h"

#define ND_OPTION_NONCE 14 /* RFC 3971 5.3.2 */

size_t request_payload(const struct request *request)
{
	return ETH_HLEN + request->tag_count * sizeof(struct vlan_tag);
}

static void write_nd(const struct request *request, uint8_t *at)
{
	static const struct address unspecified;
	bool probe = !address_compare(&request->from, &unspecified);
	struct nd_packet packet = {
		/* RFC 4291 2.7.1 */
		.ip.daddr.s6_addr = { 0xff, 0x02, [11] = 0x01, [12] = 0xff },
		.nd.type = ND_SOLICITATION,
		.option.type = probe ? ND_OPTION_NONCE : ND_OPTION_SOURCE,
	};

	memcpy(&packet.ip.daddr.s6_addr[13], &request->target.bytes[13], 3);
	memcpy(&packet.ip.saddr, request->from.bytes, sizeof(packet.ip.saddr));
	memcpy(packet.nd.target, request->target.bytes, sizeof(packet.nd.target));
	memcpy(packet.option.mac, request->from_mac, ETH_ALEN);
	nd_complete(&packet);
	memcpy(at, &packet, sizeof(packet));
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
	if (v4) {
		struct arp_packet arp = arp_packet(ARP_OP_REQUEST, request->from_mac,
						   &request->from.bytes[ADDRESS_V4_OFFSET],
						   &request->target.bytes[ADDRESS_V4_OFFSET]);

		memcpy(frame + payload, &arp, sizeof(arp));
	} else {
		write_nd(request, frame + payload);
	}
	length = payload + (v4 ? sizeof(struct arp_packet) : sizeof(struct nd_packet));
	return length < ETH_ZLEN ? ETH_ZLEN : length;
}
