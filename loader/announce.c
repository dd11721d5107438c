// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/if_packet.h>

#include "announce.h"
#include "cleanup.h"
#include "wire.h"

struct announcement {
	struct ethhdr eth;
	struct arp_packet arp;
} __attribute__((packed));

int announce_open(const struct link *link, struct err *err)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = link->ifindex };
	_cleanup_close_ int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	int ret;

	/* protocol 0: it only sends, and so receives nothing */
	if (fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return err_set(err, negative_errno(), "opening a packet socket on %s: %s",
			       link->name, strerror(errno));
	ret = fd;
	fd = -1;
	return ret;
}

int announce_send(int fd, const struct link *link, __be32 ip4, const __u8 mac[ETH_ALEN],
		  struct err *err)
{
	struct announcement frame = {
		.eth.h_proto = htons(ETH_P_ARP),
		.arp = { .hrd = htons(1), .pro = htons(ETH_P_IP), .hln = ETH_ALEN, .pln = 4 },
	};

	memset(frame.eth.h_dest, 0xff, ETH_ALEN);
	memcpy(frame.eth.h_source, mac, ETH_ALEN);
	memcpy(frame.arp.sha, mac, ETH_ALEN);
	memcpy(frame.arp.spa, &ip4, sizeof(ip4));
	memcpy(frame.arp.tpa, &ip4, sizeof(ip4));
	for (enum arp_op op = ARP_OP_REQUEST; op <= ARP_OP_REPLY; op++) {
		frame.arp.op = htons(op);
		/* the reply's target is the MAC to cache (RFC 5944 4.6); the request's is unknown
		 */
		if (op == ARP_OP_REPLY)
			memcpy(frame.arp.tha, mac, ETH_ALEN);
		if (send(fd, &frame, sizeof(frame), 0) < 0)
			return err_set(err, negative_errno(), "announcing on %s: %s", link->name,
				       strerror(errno));
	}
	return 0;
}
