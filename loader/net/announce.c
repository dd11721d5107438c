// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/if_packet.h>
#include <linux/ipv6.h>

#include "announce.h"
#include "wire.h"

struct arp_announcement {
	struct ethhdr eth;
	struct arp_packet arp;
} __attribute__((packed));

struct nd_announcement {
	struct ethhdr eth;
	struct ipv6hdr ip;
	struct nd_message nd;
	struct nd_option target;
} __attribute__((packed));

/* Only hosts of the link itself may say where an address is (RFC 4861 4.4). */
#define ND_HOP_LIMIT 255

static const struct in6_addr all_nodes = { .s6_addr = { 0xff, 0x02, [15] = 0x01 } };
static const uint8_t all_nodes_mac[ETH_ALEN] = { 0x33, 0x33, 0, 0, 0, 0x01 };

int announce_open(struct err *err)
{
	/* protocol 0: it only sends, and so receives nothing */
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	return fd < 0 ? err_set(err, negative_errno(), "opening a packet socket: %s",
				strerror(errno))
		      : fd;
}

static int send_frame(int fd, const struct link *link, const void *frame, size_t size,
		      struct err *err)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = link->ifindex };

	if (sendto(fd, frame, size, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		return err_set(err, negative_errno(), "announcing on %s: %s", link->name,
			       strerror(errno));
	return 0;
}

static int announce_arp(int fd, const struct link *link, const struct announcement *what,
			struct err *err)
{
	struct arp_announcement frame = {
		.eth.h_proto = htons(ETH_P_ARP),
		.arp = { .hrd = htons(1), .pro = htons(ETH_P_IP), .hln = ETH_ALEN, .pln = 4 },
	};
	const uint8_t *ip4 = what->address.bytes + 12, *mac = what->mac;
	int r = 0;

	memset(frame.eth.h_dest, 0xff, ETH_ALEN);
	memcpy(frame.eth.h_source, mac, ETH_ALEN);
	memcpy(frame.arp.sha, mac, ETH_ALEN);
	memcpy(frame.arp.spa, ip4, sizeof(frame.arp.spa));
	memcpy(frame.arp.tpa, ip4, sizeof(frame.arp.tpa));
	for (enum arp_op op = ARP_OP_REQUEST; op <= ARP_OP_REPLY && !r; op++) {
		frame.arp.op = htons(op);
		/* the reply's target is the MAC to cache (RFC 5944 4.6); the request's is unknown
		 */
		if (op == ARP_OP_REPLY)
			memcpy(frame.arp.tha, mac, ETH_ALEN);
		r = send_frame(fd, link, &frame, sizeof(frame), err);
	}
	return r;
}

/* One's complement sum of big-endian 16-bit words (RFC 1071), not folded; @size is even. */
static uint32_t sum_words(const void *at, size_t size)
{
	const uint8_t *bytes = at;
	uint32_t sum = 0;

	for (size_t i = 0; i < size; i += 2)
		sum += bytes[i] << 8 | bytes[i + 1];
	return sum;
}

/* Over the pseudo-header (RFC 8200 8.1) and the message. */
static __be16 nd_checksum(const struct nd_announcement *frame)
{
	uint32_t sum = sum_words(&frame->ip.saddr, 2 * sizeof(frame->ip.saddr)) +
		       sizeof(frame->nd) + sizeof(frame->target) + IPPROTO_ICMPV6 +
		       sum_words(&frame->nd, sizeof(frame->nd) + sizeof(frame->target));

	sum = (sum & 0xffff) + (sum >> 16);
	return htons(~(sum + (sum >> 16)) & 0xffff);
}

static int announce_nd(int fd, const struct link *link, const struct announcement *what,
		       struct err *err)
{
	struct nd_announcement frame = {
		.eth.h_proto = htons(ETH_P_IPV6),
		.ip = { .version = 6,
			.payload_len = htons(sizeof(frame.nd) + sizeof(frame.target)),
			.nexthdr = IPPROTO_ICMPV6,
			.hop_limit = ND_HOP_LIMIT,
			.daddr = all_nodes },
		.nd = { .type = ND_ADVERTISEMENT,
			.flags = htonl(what->override ? ND_FLAG_OVERRIDE : 0) },
		.target = { .type = ND_OPTION_TARGET, .length = sizeof(frame.target) / 8 },
	};

	memcpy(frame.eth.h_dest, all_nodes_mac, ETH_ALEN);
	memcpy(frame.eth.h_source, what->mac, ETH_ALEN);
	memcpy(&frame.ip.saddr, what->address.bytes, sizeof(frame.ip.saddr));
	memcpy(frame.nd.target, what->address.bytes, sizeof(frame.nd.target));
	memcpy(frame.target.mac, what->mac, ETH_ALEN);
	frame.nd.checksum = nd_checksum(&frame);
	return send_frame(fd, link, &frame, sizeof(frame), err);
}

int announce_send(int fd, const struct link *link, const struct announcement *what, struct err *err)
{
	return address_is_v4(&what->address) ? announce_arp(fd, link, what, err)
					     : announce_nd(fd, link, what, err);
}
