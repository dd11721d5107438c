// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <net/if_arp.h>
#include <linux/filter.h>
#include <linux/icmpv6.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "lan_frame.h"
#include "probe.h"
#include "request.h"

/* Frames without a claim that are skipped per call, since other hosts may send any number. */
#define OTHERS_MAX 16

/* A socket of the default size has room for some 90 replies that come at once. */
#define RECEIVE_BUFFER (1 << 20)

#define VID_MASK 0x0fff /* of a tag control information (IEEE 802.1Q 9.6) */

/* Size of an advertisement without options. */
#define ND_FRAME_LEAST offsetof(struct nd_frame, packet.option)

/* Replies to duplicate address detection go to all nodes (RFC 4861 7.2.4). */
static int join_all_nodes(int fd, unsigned int ifindex)
{
	const struct packet_mreq group = { .mr_ifindex = (int)ifindex,
					   .mr_type = PACKET_MR_MULTICAST,
					   .mr_alen = ETH_ALEN,
					   .mr_address = { 0x33, 0x33, 0, 0, 0, 0x01 } };

	return setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &group, sizeof(group));
}

/* Filters for untagged ARP and neighbour advertisements in the kernel: the LAN's other traffic may
 * be gigabits. Other VLANs' frames come too, their tag beside them: __netif_receive_skb_core()
 * calls skb_vlan_untag() before packet sockets. */
static int filter_claims(int fd)
{
	struct sock_filter code[] = {
		/* on a VLAN device before Linux 6.2, the taken tag is still there, only not present
		 */
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 3, 0),
		/* a priority tag's VID is 0 */
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_VLAN_TAG),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, VID_MASK),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 8),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct ethhdr, h_proto)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_ARP, 5, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 0, 5),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, offsetof(struct nd_frame, packet.ip.nexthdr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 3),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, offsetof(struct nd_frame, packet.nd.type)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_ADVERTISEMENT, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, ND_FRAME_LEAST),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

int probe_open(const struct link *link, struct err *err)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = (int)link->ifindex };
	_cleanup_close_ int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int yes = 1, size = RECEIVE_BUFFER;

	/* fails without CAP_NET_ADMIN, then the default size is used */
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (fd < 0 || filter_claims(fd) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof(yes)) < 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    join_all_nodes(fd, link->ifindex) < 0)
		return err_set(err, negative_errno(), "opening a packet socket on %s: %s",
			       link->name, strerror(errno));
	return TAKE_FD(fd);
}

int probe_send(int fd, const struct link *link, const struct address *address, struct err *err)
{
	struct request request = { .target = *address };
	uint8_t frame[REQUEST_MAX];

	memcpy(request.from_mac, link->mac, ETH_ALEN);
	if (send(fd, frame, request_write(&request, frame), 0) >= 0)
		return 1;
	if (errno == ENETDOWN || errno == ENOBUFS || errno == EAGAIN)
		return 0;
	return err_set(err, negative_errno(), "asking on %s: %s", link->name, strerror(errno));
}

/* True if @frame's sender claims an address. */
static bool read_claim(const uint8_t *frame, size_t size, struct address *ret_address,
		       uint8_t ret_mac[ETH_ALEN])
{
	struct arp_frame arp;
	struct nd_frame nd;

	if (size < sizeof(arp))
		return false;
	memcpy(&arp, frame, sizeof(arp));
	if (arp.eth.h_proto == htons(ETH_P_ARP) && arp.arp.hrd == htons(ARPHRD_ETHER) &&
	    arp.arp.pro == htons(ETH_P_IP)) {
		*ret_address = address_from_v4(arp.arp.spa);
		memcpy(ret_mac, arp.arp.sha, ETH_ALEN);
		return true;
	}
	if (arp.eth.h_proto != htons(ETH_P_IPV6) || size < ND_FRAME_LEAST)
		return false;
	memcpy(&nd, frame, ND_FRAME_LEAST);
	if (nd.packet.ip.nexthdr != IPPROTO_ICMPV6 || nd.packet.ip.hop_limit != ND_HOP_LIMIT ||
	    nd.packet.nd.type != ND_ADVERTISEMENT)
		return false;
	memcpy(ret_address->bytes, nd.packet.nd.target, sizeof(nd.packet.nd.target));
	memcpy(ret_mac, nd.eth.h_source, ETH_ALEN);
	return true;
}

bool probe_receive(int fd, struct address *ret_address, uint8_t ret_mac[ETH_ALEN])
{
	uint8_t frame[ND_FRAME_LEAST];
	ssize_t size;

	for (int i = 0; i < OTHERS_MAX && (size = recv(fd, frame, sizeof(frame), 0)) > 0; i++)
		if (read_claim(frame, size, ret_address, ret_mac))
			return true;
	return false;
}
