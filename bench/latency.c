// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "cleanup.h"
#include "l2resp.h"
#include "latency.h"
#include "lan_frame.h"
#include "contestants.skel.h" /* last: it needs the types of l2resp.h */

#define ANSWER_TIMEOUT_MS 1000
#define WARM_UP		  1000

const struct contestant *const latency_contestants[] = {
	&contestant_kernel_arp, &contestant_proxy_arp, &contestant_tc, &contestant_l2resp, NULL,
};

static int socket_open(const struct lane *lane, struct err *err)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ARP),
				  .sll_ifindex = (int)lane->requester_ifindex };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ARP));

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		int r = err_set(err, negative_errno(), "a packet socket: %s", strerror(errno));

		if (fd >= 0)
			close(fd);
		return r;
	}
	return fd;
}

static struct arp_frame request_make(const struct lane *lane)
{
	__be32 target = htonl(load_first_target(1));
	struct in_addr requester;

	inet_pton(AF_INET, LANE_REQUESTER_IP, &requester);
	return arp_broadcast(ARP_OP_REQUEST, lane->requester_mac, &requester, &target);
}

/* Returns the microseconds until the answer to @request, or a negative errno with @err. */
static double ask(int fd, const struct arp_frame *request, const uint8_t mac[ETH_ALEN],
		  struct err *err)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	struct timespec sent, answered;
	struct arp_frame answer;

	clock_gettime(CLOCK_MONOTONIC, &sent);
	if (send(fd, request, sizeof(*request), 0) < 0)
		return err_set(err, negative_errno(), "send: %s", strerror(errno));
	do {
		/* the answer mostly has arrived when send() returns: poll only if it hasn't */
		if (recv(fd, &answer, sizeof(answer), MSG_DONTWAIT) < (ssize_t)sizeof(answer) &&
		    (poll(&readable, 1, ANSWER_TIMEOUT_MS) <= 0 ||
		     recv(fd, &answer, sizeof(answer), 0) < (ssize_t)sizeof(answer)))
			return err_set(err, -ETIMEDOUT, "no answer within a second");
	} while (answer.arp.op != htons(ARP_OP_REPLY));
	clock_gettime(CLOCK_MONOTONIC, &answered);
	if (memcmp(answer.arp.spa, request->arp.tpa, sizeof(answer.arp.spa)) ||
	    memcmp(answer.arp.sha, mac, ETH_ALEN) ||
	    memcmp(answer.arp.tha, request->arp.sha, ETH_ALEN))
		return err_set(err, -EBADMSG, "a wrong answer");
	return (double)(answered.tv_sec - sent.tv_sec) * 1e6 +
	       (double)(answered.tv_nsec - sent.tv_nsec) / 1e3;
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return left < right ? -1 : left > right;
}

static int sample(const struct lane *lane, unsigned int samples, struct latency *latency)
{
	_cleanup_free_ double *us = calloc(samples, sizeof(*us));
	const struct arp_frame request = request_make(lane);
	_cleanup_close_ int fd = socket_open(lane, &latency->err);

	if (fd < 0)
		return fd;
	if (!us)
		return err_set(&latency->err, -ENOMEM, "out of memory");
	for (unsigned int i = 0; i < WARM_UP + samples; i++) {
		double took = ask(fd, &request, lane->device_mac, &latency->err);

		if (took < 0)
			return (int)took;
		if (i >= WARM_UP)
			us[i - WARM_UP] = took;
	}
	qsort(us, samples, sizeof(*us), compare);
	latency->samples = samples;
	latency->median_us = us[samples / 2];
	latency->p99_us = us[samples - 1 - samples / 100];
	return 0;
}

/* veth delivers XDP_TX frames only to a peer with a program; so that conditions are equal, all
 * contestants' peers have one. */
static int requester_pass(const struct lane *lane, struct contestants_bpf **ret_skeleton,
			  struct err *err)
{
	struct contestants_bpf *skeleton = contestants_bpf__open_and_load();
	int r;

	if (!skeleton)
		return err_set(err, negative_errno(), "loading the contestants: %s",
			       strerror(errno));
	r = bpf_xdp_attach(lane->requester_ifindex, bpf_program__fd(skeleton->progs.empty_pass),
			   XDP_FLAGS_DRV_MODE, NULL);
	if (r < 0) {
		contestants_bpf__destroy(skeleton);
		return err_set(err, r, "attaching to the requester: %s", strerror(-r));
	}
	*ret_skeleton = skeleton;
	return 0;
}

void latency_measure(const struct contestant *contestant, unsigned int samples,
		     struct latency *ret_latency)
{
	const struct contest contest = { .targets = 1 };
	struct contestants_bpf *skeleton = NULL;
	struct latency *latency = ret_latency;
	struct entrant entrant;

	*latency = (struct latency){ .contestant = contestant };
	latency->error = entrant_open(contestant, &contest, 1, &entrant, &latency->err);
	if (latency->error < 0)
		return;
	latency->error = lane_enter(entrant.lane.requester_ns, &latency->err);
	if (!latency->error)
		latency->error = requester_pass(&entrant.lane, &skeleton, &latency->err);
	if (!latency->error)
		latency->error = sample(&entrant.lane, samples, latency);
	contestants_bpf__destroy(skeleton);
	entrant_close(&entrant);
}
