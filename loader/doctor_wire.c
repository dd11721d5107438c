// SPDX-License-Identifier: GPL-2.0-or-later
/* Asks the LAN who else answers for the addresses: ARP probes (RFC 5227 2.1.1) and the
 * solicitations of duplicate address detection (RFC 4862 5.4.2), which teach nobody anything. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/ipv6.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "doctor_check.h"
#include "wire.h"

#define WAIT_MS 1000
/* Frames that go out in one burst, over all interfaces. */
#define ASK_AT_MOST 256

/* One device's part. */
struct asking {
	const struct doctor_device *device;
	int fd; /* packet socket; -1: not asked */
	const struct entry_row *rows[ASK_AT_MOST];
	bool found[ASK_AT_MOST]; /* one finding an address is enough */
	size_t count;
};

struct arp_frame {
	struct ethhdr eth;
	struct arp_packet arp;
} __attribute__((packed));

struct nd_frame {
	struct ethhdr eth;
	struct ipv6hdr ip;
	struct nd_message nd;
} __attribute__((packed));

static void cleanup_askings(struct asking **at)
{
	/* ended by one that has no rows */
	for (struct asking *asking = *at; asking && asking->count; asking++)
		cleanup_close(&asking->fd);
	free(*at);
}

/* All advertisements to duplicate address detection go to all nodes (RFC 4861 7.2.4). */
static int hear_all_nodes(int fd, unsigned int ifindex)
{
	const struct packet_mreq group = { .mr_ifindex = (int)ifindex,
					   .mr_type = PACKET_MR_MULTICAST,
					   .mr_alen = ETH_ALEN,
					   .mr_address = { 0x33, 0x33, 0, 0, 0, 0x01 } };

	return setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &group, sizeof(group));
}

static int open_socket(const struct link *link, struct err *err)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = (int)link->ifindex };
	_cleanup_close_ int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int ret;

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    hear_all_nodes(fd, link->ifindex) < 0)
		return err_set(err, negative_errno(), "opening a packet socket on %s: %s",
			       link->name, strerror(errno));
	ret = fd;
	fd = -1;
	return ret;
}

static size_t make_arp(const struct link *link, const struct address *address, void *at)
{
	struct arp_frame frame = {
		.eth.h_proto = htons(ETH_P_ARP),
		.arp = { .hrd = htons(1),
			 .pro = htons(ETH_P_IP),
			 .hln = ETH_ALEN,
			 .pln = 4,
			 .op = htons(ARP_OP_REQUEST) },
	};

	memset(frame.eth.h_dest, 0xff, ETH_ALEN);
	memcpy(frame.eth.h_source, link->mac, ETH_ALEN);
	memcpy(frame.arp.sha, link->mac, ETH_ALEN);
	memcpy(frame.arp.tpa, address->bytes + 12, sizeof(frame.arp.tpa));
	memcpy(at, &frame, sizeof(frame));
	return sizeof(frame);
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

static size_t make_nd(const struct link *link, const struct address *address, void *at)
{
	struct nd_frame frame = {
		.eth.h_proto = htons(ETH_P_IPV6),
		.ip = { .version = 6,
			.payload_len = htons(sizeof(frame.nd)),
			.nexthdr = IPPROTO_ICMPV6,
			.hop_limit = 255,
			/* the solicited-node group (RFC 4291 2.7.1) */
			.daddr.s6_addr = { 0xff, 0x02, [11] = 0x01, 0xff } },
		.nd.type = ND_SOLICITATION,
	};
	uint32_t sum;

	memcpy(frame.ip.daddr.s6_addr + 13, address->bytes + 13, 3);
	memcpy(frame.nd.target, address->bytes, sizeof(frame.nd.target));
	frame.eth.h_dest[0] = frame.eth.h_dest[1] = 0x33;
	memcpy(frame.eth.h_dest + 2, frame.ip.daddr.s6_addr + 12, 4);
	memcpy(frame.eth.h_source, link->mac, ETH_ALEN);
	sum = sum_words(&frame.ip.saddr, 2 * sizeof(frame.ip.saddr)) + sizeof(frame.nd) +
	      IPPROTO_ICMPV6 + sum_words(&frame.nd, sizeof(frame.nd));
	sum = (sum & 0xffff) + (sum >> 16);
	frame.nd.checksum = htons(~(sum + (sum >> 16)) & 0xffff);
	memcpy(at, &frame, sizeof(frame));
	return sizeof(frame);
}

/* What @frame says of an address: that its sender has it. */
static bool read_claim(const uint8_t *frame, size_t size, struct address *ret_address,
		       uint8_t ret_mac[ETH_ALEN])
{
	static const struct address mapped = { .bytes = { [10] = 0xff, 0xff } };
	struct arp_frame arp;
	struct nd_frame nd;

	if (size < sizeof(arp))
		return false;
	memcpy(&arp, frame, sizeof(arp));
	if (arp.eth.h_proto == htons(ETH_P_ARP) && arp.arp.hrd == htons(1) &&
	    arp.arp.pro == htons(ETH_P_IP)) {
		*ret_address = mapped;
		memcpy(ret_address->bytes + 12, arp.arp.spa, sizeof(arp.arp.spa));
		memcpy(ret_mac, arp.arp.sha, ETH_ALEN);
		return true;
	}
	if (arp.eth.h_proto != htons(ETH_P_IPV6) || size < sizeof(nd))
		return false;
	memcpy(&nd, frame, sizeof(nd));
	if (nd.ip.nexthdr != IPPROTO_ICMPV6 || nd.ip.hop_limit != 255 ||
	    nd.nd.type != ND_ADVERTISEMENT)
		return false;
	memcpy(ret_address->bytes, nd.nd.target, sizeof(nd.nd.target));
	memcpy(ret_mac, nd.eth.h_source, ETH_ALEN);
	return true;
}

static int take_frame(struct doctor *doctor, struct asking *asking, const uint8_t *frame,
		      size_t size, struct err *err)
{
	const struct doctor_device *device = asking->device;
	char ip[INET6_ADDRSTRLEN], text[MAC_TEXT_SIZE];
	struct address address;
	uint8_t mac[ETH_ALEN];

	if (!read_claim(frame, size, &address, mac) || !memcmp(mac, device->link.mac, ETH_ALEN))
		return 0;
	for (size_t i = 0; i < asking->count; i++) {
		const struct entry_row *row = asking->rows[i];

		if (asking->found[i] || address_compare(&row->key.address, &address) ||
		    !memcmp(mac, row->head.mac, ETH_ALEN))
			continue;
		asking->found[i] = true;
		return doctor_find(doctor, device, &address, err, "%s answers for %s on %s too",
				   mac_format(mac, text), address_format(&address, ip),
				   device->link.name);
	}
	return 0;
}

static int listen_all(struct doctor *doctor, struct asking *askings, size_t count, struct err *err)
{
	_cleanup_free_ struct pollfd *polls = calloc(count, sizeof(*polls));
	struct timespec start, now;
	int left = WAIT_MS, r = 0;

	if (!polls)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < count; i++)
		polls[i] = (struct pollfd){ .fd = askings[i].fd, .events = POLLIN };
	clock_gettime(CLOCK_MONOTONIC, &start);
	while (!r && left > 0) {
		if (poll(polls, count, left) < 0 && errno != EINTR)
			return err_set(err, negative_errno(), "waiting for answers: %s",
				       strerror(errno));
		for (size_t i = 0; i < count && !r; i++) {
			uint8_t frame[256];
			ssize_t size = recv(polls[i].fd, frame, sizeof(frame), 0);

			if (size > 0)
				r = take_frame(doctor, &askings[i], frame, size, err);
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
		left = WAIT_MS - (int)((now.tv_sec - start.tv_sec) * 1000 +
				       (now.tv_nsec - start.tv_nsec) / 1000000);
	}
	return r;
}

/* Which of the device's addresses to ask for: those that may answer now, as many as @room. Where
 * the lease is over another host should answer. */
static void choose(struct doctor *doctor, struct asking *asking, size_t room)
{
	const struct doctor_device *device = asking->device;

	if (device->gone || !(device->link.flags & IFF_RUNNING))
		return;
	for (size_t i = 0; i < device->row_count; i++) {
		const struct entry_row *row = &device->rows[i];

		if (!entry_lease_remaining_ms(doctor->pins, row->head.lease))
			continue;
		doctor->report.addresses++;
		if (asking->count < room)
			asking->rows[asking->count++] = row;
	}
	doctor->report.asked += asking->count;
}

static int send_all(struct asking *asking, struct err *err)
{
	const struct doctor_device *device = asking->device;
	uint8_t frame[sizeof(struct nd_frame)];

	asking->fd = open_socket(&device->link, err);
	if (asking->fd < 0)
		return asking->fd;
	for (size_t i = 0; i < asking->count; i++) {
		const struct address *address = &asking->rows[i]->key.address;
		size_t size = address_is_v4(address) ? make_arp(&device->link, address, frame)
						     : make_nd(&device->link, address, frame);

		/* a link that goes down under us, or has a full queue, answers for nobody */
		if (send(asking->fd, frame, size, 0) < 0 && errno != ENETDOWN && errno != ENOBUFS &&
		    errno != EAGAIN)
			return err_set(err, negative_errno(), "asking on %s: %s", device->link.name,
				       strerror(errno));
	}
	return 0;
}

int doctor_check_other_answers(struct doctor *doctor, struct err *err)
{
	_cleanup_(cleanup_askings) struct asking *askings =
		calloc(doctor->device_count + 1, sizeof(*askings));
	size_t count = 0;
	int r = 0;

	if (!askings)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < doctor->device_count; i++) {
		askings[count] = (struct asking){ .device = &doctor->devices[i], .fd = -1 };
		choose(doctor, &askings[count], ASK_AT_MOST - doctor->report.asked);
		if (askings[count].count)
			count++;
	}
	for (size_t i = 0; i < count && !r; i++)
		r = send_all(&askings[i], err);
	if (r < 0 || !count)
		return r;
	return listen_all(doctor, askings, count, err);
}
