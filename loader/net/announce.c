// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/if_packet.h>

#include "announce.h"
#include "lan_frame.h"

static const struct in6_addr all_nodes = { .s6_addr = { 0xff, 0x02, [15] = 0x01 } };
static const uint8_t all_nodes_mac[ETH_ALEN] = { 0x33, 0x33, 0, 0, 0, 0x01 };

int announce_open(struct err *err)
{
	/* protocol 0: send only, receive nothing */
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
	const uint8_t *ip4 = what->address.bytes + ADDRESS_V4_OFFSET;
	int r = 0;

	for (enum arp_op op = ARP_OP_REQUEST; op <= ARP_OP_REPLY && !r; op++) {
		struct arp_frame frame = arp_broadcast(op, what->mac, ip4, ip4);

		/* the reply's target is the MAC to cache (RFC 5944 4.6) */
		if (op == ARP_OP_REPLY)
			memcpy(frame.arp.tha, what->mac, ETH_ALEN);
		r = send_frame(fd, link, &frame, sizeof(frame), err);
	}
	return r;
}

static int announce_nd(int fd, const struct link *link, const struct announcement *what,
		       struct err *err)
{
	struct nd_frame frame = {
		.eth.h_proto = htons(ETH_P_IPV6),
		.packet = { .ip.daddr = all_nodes,
			    .nd = { .type = ND_ADVERTISEMENT,
				    .flags = htonl(what->override ? ND_FLAG_OVERRIDE : 0) },
			    .option.type = ND_OPTION_TARGET },
	};
	struct nd_packet *packet = &frame.packet;

	memcpy(frame.eth.h_dest, all_nodes_mac, ETH_ALEN);
	memcpy(frame.eth.h_source, what->mac, ETH_ALEN);
	memcpy(&packet->ip.saddr, what->address.bytes, sizeof(packet->ip.saddr));
	memcpy(packet->nd.target, what->address.bytes, sizeof(packet->nd.target));
	memcpy(packet->option.mac, what->mac, ETH_ALEN);
	nd_complete(packet);
	return send_frame(fd, link, &frame, sizeof(frame), err);
}

int announce_send(int fd, const struct link *link, const struct announcement *what, struct err *err)
{
	return address_is_v4(&what->address) ? announce_arp(fd, link, what, err)
					     : announce_nd(fd, link, what, err);
}
