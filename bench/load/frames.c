// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <string.h>
#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include "frames.h"
#include "lan_frame.h"

#define MALFORMED    4
#define TRAILER_BYTE 0xa5

static const char *const kind_names[LOAD_KIND_COUNT] = {
	[LOAD_HIT] = "hit",	[LOAD_MISS] = "miss", [LOAD_MALFORMED] = "malformed",
	[LOAD_UDP4] = "udp4",	[LOAD_IPV6] = "ipv6", [LOAD_ICMP6] = "icmp6",
	[LOAD_MIXED] = "mixed",
};

const char *load_kind_name(enum load_kind kind)
{
	return kind_names[kind];
}

bool load_kind_answered(enum load_kind kind)
{
	return kind == LOAD_HIT || kind == LOAD_MIXED;
}

uint32_t load_first_target(uint32_t count)
{
	return count <= 1 << 17 ? 0xc6120000 : 0x0a000000;
}

static struct load_frame frame_arp(const struct lane *lane)
{
	const struct in_addr unset = {};
	struct in_addr requester;
	struct load_frame frame;
	struct arp_frame arp;

	inet_pton(AF_INET, LANE_REQUESTER_IP, &requester);
	arp = arp_broadcast(ARP_OP_REQUEST, lane->requester_mac, &requester, &unset);
	memset(&frame, TRAILER_BYTE, sizeof(frame));
	memcpy(&frame, &arp, sizeof(arp));
	return frame;
}

static struct load_frame frame_malformed(const struct lane *lane, unsigned int which)
{
	struct load_frame frame = frame_arp(lane);
	struct arp_frame *packet = (void *)&frame;

	switch (which % MALFORMED) {
	case 0:
		packet->arp.hrd = htons(6);
		break;
	case 1:
		packet->arp.hln = 8;
		break;
	case 2:
		packet->arp.op = htons(9);
		break;
	case 3:
		packet->arp.sha[0] |= 1;
		break;
	}
	return frame;
}

static struct load_frame frame_udp4(const struct lane *lane)
{
	struct {
		struct ethhdr eth;
		struct iphdr ip;
		struct udphdr udp;
	} __attribute__((packed)) packet = {
		.eth.h_proto = htons(ETH_P_IP),
		.ip = { .version = 4,
			.ihl = 5,
			.ttl = 64,
			.protocol = IPPROTO_UDP,
			.tot_len = htons(sizeof(struct load_frame) - ETH_HLEN) },
		.udp = { .source = htons(9),
			 .dest = htons(9),
			 .len = htons(sizeof(struct load_frame) - ETH_HLEN -
				      sizeof(struct iphdr)) },
	};
	struct load_frame frame;

	memcpy(packet.eth.h_dest, lane->device_mac, ETH_ALEN);
	memcpy(packet.eth.h_source, lane->requester_mac, ETH_ALEN);
	inet_pton(AF_INET, LANE_REQUESTER_IP, &packet.ip.saddr);
	inet_pton(AF_INET, LANE_DEVICE_IP, &packet.ip.daddr);
	memset(&frame, TRAILER_BYTE, sizeof(frame));
	memcpy(&frame, &packet, sizeof(packet));
	return frame;
}

static struct load_frame frame_ipv6(const struct lane *lane, uint8_t next_header)
{
	struct {
		struct ethhdr eth;
		struct ipv6hdr ip;
	} __attribute__((packed)) packet = {
		.eth.h_proto = htons(ETH_P_IPV6),
		.ip = { .version = 6,
			.hop_limit = 64,
			.nexthdr = next_header,
			.payload_len = htons(sizeof(struct load_frame) - ETH_HLEN -
					     sizeof(struct ipv6hdr)),
			.saddr.s6_addr = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 },
			.daddr.s6_addr = { 0x20, 0x01, 0x0d, 0xb8, [15] = 2 } },
	};
	struct load_frame frame;

	memcpy(packet.eth.h_dest, lane->device_mac, ETH_ALEN);
	memcpy(packet.eth.h_source, lane->requester_mac, ETH_ALEN);
	memset(&frame, TRAILER_BYTE, sizeof(frame));
	memcpy(&frame, &packet, sizeof(packet));
	return frame;
}

static struct load_frame frame_icmp6(const struct lane *lane)
{
	struct load_frame frame = frame_ipv6(lane, IPPROTO_ICMPV6);

	((uint8_t *)&frame)[ETH_HLEN + sizeof(struct ipv6hdr)] = ICMPV6_ECHO_REQUEST;
	return frame;
}

/* Template @which of a load; *ret_asks: its target is the generator's to fill in. */
struct load_frame frames_template(const struct lane *lane, enum load_kind kind, unsigned int which,
				  bool *ret_asks)
{
	struct load_frame frame;

	*ret_asks = false;
	switch (kind) {
	case LOAD_UDP4:
		frame = frame_udp4(lane);
		break;
	case LOAD_IPV6:
		frame = frame_ipv6(lane, IPPROTO_UDP);
		break;
	case LOAD_ICMP6:
		frame = frame_icmp6(lane);
		break;
	case LOAD_MALFORMED:
		frame = frame_malformed(lane, which);
		*ret_asks = true;
		break;
	case LOAD_MIXED:
		if (which) {
			frame = which % 2 ? frame_udp4(lane) : frame_ipv6(lane, IPPROTO_UDP);
			break;
		}
		/* fall through */
	default:
		frame = frame_arp(lane);
		*ret_asks = true;
	}
	((uint8_t *)&frame)[sizeof(frame) - 1] = which;
	return frame;
}

unsigned int frames_template_count(enum load_kind kind)
{
	switch (kind) {
	case LOAD_MALFORMED:
		return MALFORMED;
	case LOAD_MIXED:
		return LOAD_TEMPLATES;
	default:
		return 1;
	}
}

/* Builds the answer to @request, except the target in it. */
struct load_frame frames_answer(const struct lane *lane, const struct load_options *options,
				const struct load_frame *request)
{
	struct load_frame answer = *request;
	struct arp_frame *packet = (void *)&answer;

	if (options->swapped) {
		memcpy(packet->eth.h_source, packet->eth.h_dest, ETH_ALEN);
		memcpy(packet->eth.h_dest, lane->requester_mac, ETH_ALEN);
		memset(packet->arp.tpa, 0, sizeof(packet->arp.tpa));
		return answer;
	}
	memcpy(packet->eth.h_dest, lane->requester_mac, ETH_ALEN);
	memcpy(packet->eth.h_source, lane->device_mac, ETH_ALEN);
	packet->arp.op = htons(ARP_OP_REPLY);
	memcpy(packet->arp.sha, lane->device_mac, ETH_ALEN);
	memcpy(packet->arp.tha, lane->requester_mac, ETH_ALEN);
	memcpy(packet->arp.tpa, packet->arp.spa, sizeof(packet->arp.tpa));
	memset(packet->arp.spa, 0, sizeof(packet->arp.spa));
	if (options->broadcast) {
		memset(packet->eth.h_dest, 0xff, ETH_ALEN);
		memset(packet->arp.tha, 0xff, ETH_ALEN);
	}
	return answer;
}
