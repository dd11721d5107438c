// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Floods a veth peer with one ARP request, as live frames, and counts the replies that come back:
 *
 *	flood DEV SPA TPA MAC SECONDS CPU...
 *
 * SPA asks for TPA, whose answer is expected to say MAC. With - for MAC none is expected, and each
 * request has another sender hardware address; with -N each says that it has one of the N addresses
 * from SPA on. One process a CPU sends for SECONDS, or until SIGTERM, but some in any case. Prints
 * {"sent", "right", "wrong", "seconds"}; exit status 1 if it could not be done at
 * all.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "flood.h"
#include "flood.skel.h"
#include "wire.h"

/* Each call sets up a page pool: long ones amortise it. An emulated CPU takes a second for 2^17. */
#define FRAMES_A_CALL (1 << 14)
/* A quarter of veth's ring: it is drained before the next batch, so that none is lost there. */
#define FRAMES_A_BATCH 64
#define TRAILER_BYTE   0xa5
#define LOOKS	       10

/* Shared with the processes that send: the signal is the parent's alone. */
static volatile sig_atomic_t *stop;

static void on_term(int number)
{
	*stop = 1;
}

static int stop_on_term(void)
{
	const struct sigaction action = { .sa_handler = on_term };
	void *shared = mmap(NULL, sizeof(*stop), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			    -1, 0);

	if (shared == MAP_FAILED)
		return -errno;
	stop = shared;
	return sigaction(SIGTERM, &action, NULL) < 0 ? -errno : 0;
}

static const uint8_t requester[ETH_ALEN] = { 0x02, 0, 0, 0, 0xf1, 0x0d };

static struct flood_frame frame_make(enum arp_op op, const void *eth_dst, const void *sha,
				     struct in_addr spa, const void *tha, struct in_addr tpa)
{
	struct {
		struct ethhdr eth;
		struct arp_packet arp;
	} __attribute__((packed)) packet = {
		.eth.h_proto = htons(ETH_P_ARP),
		.arp = { .hrd = htons(1),
			 .pro = htons(ETH_P_IP),
			 .hln = ETH_ALEN,
			 .pln = 4,
			 .op = htons(op) },
	};
	struct flood_frame frame;

	memcpy(packet.eth.h_dest, eth_dst, ETH_ALEN);
	memcpy(packet.eth.h_source, sha, ETH_ALEN);
	memcpy(packet.arp.sha, sha, ETH_ALEN);
	memcpy(packet.arp.spa, &spa, sizeof(spa));
	memcpy(packet.arp.tha, tha, ETH_ALEN);
	memcpy(packet.arp.tpa, &tpa, sizeof(tpa));
	memset(&frame, TRAILER_BYTE, sizeof(frame));
	memcpy(&frame, &packet, sizeof(packet));
	return frame;
}

static int mac_parse(const char *text, uint8_t mac[ETH_ALEN])
{
	return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3],
		      &mac[4], &mac[5]) == ETH_ALEN;
}

static double now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static struct flood_counts counts_sum(const struct flood_bpf *skeleton)
{
	struct flood_counts sum = {};

	for (int cpu = 0; cpu < FLOOD_MAX_CPUS; cpu++) {
		sum.sent += skeleton->bss->counts[cpu].sent;
		sum.right += skeleton->bss->counts[cpu].right;
		sum.wrong += skeleton->bss->counts[cpu].wrong;
	}
	return sum;
}

/* Sends from @cpu until @deadline, and once whenever it gets the CPU. Returns 0 or a negative
 * errno. */
static int send_from(int cpu, int prog_fd, unsigned int ifindex, double deadline)
{
	struct flood_frame frame = {};
	struct xdp_md context = { .data_end = sizeof(frame), .ingress_ifindex = ifindex };
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) < 0)
		return -errno;
	do {
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = &frame,
			    .data_size_in = sizeof(frame), .ctx_in = &context,
			    .ctx_size_in = sizeof(context), .repeat = FRAMES_A_CALL,
			    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = FRAMES_A_BATCH);
		int r = bpf_prog_test_run_opts(prog_fd, &opts);

		if (r < 0)
			return r;
	} while (!*stop && now_seconds() < deadline);
	return 0;
}

static int send_from_each(int count, char **cpus, int prog_fd, unsigned int ifindex, double seconds)
{
	double deadline = now_seconds() + seconds;
	int status, failed = 0;

	for (int i = 0; i < count; i++)
		if (!fork()) {
			int r = send_from(atoi(cpus[i]), prog_fd, ifindex, deadline);

			if (r < 0)
				fprintf(stderr, "flood: CPU %s: %s\n", cpus[i], strerror(-r));
			_exit(r < 0);
		}
	for (;;) {
		if (wait(&status) >= 0)
			failed |= status;
		else if (errno != EINTR)
			break;
	}
	return failed;
}

/* Frames that are still on their way are given the time to arrive: as long as some do, and LOOKS
 * looks more where some are missing, which may be lost. */
static struct flood_counts counts_settled(const struct flood_bpf *skeleton, bool unanswered)
{
	struct flood_counts before, now = counts_sum(skeleton);
	int looks = 0;

	do {
		before = now;
		usleep(100000);
		now = counts_sum(skeleton);
		looks = before.right + before.wrong == now.right + now.wrong ? looks + 1 : 0;
	} while (!looks || (!unanswered && now.right + now.wrong < now.sent && looks < LOOKS));
	return now;
}

int main(int argc, char **argv)
{
	static const uint8_t broadcast[ETH_ALEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	static const uint8_t zero[ETH_ALEN];
	struct flood_counts counts;
	struct flood_bpf *skeleton;
	struct in_addr spa, tpa;
	unsigned int ifindex;
	uint8_t mac[ETH_ALEN] = {};
	bool unanswered;
	double started;

	unanswered = argc > 4 && argv[4][0] == '-';
	ifindex = argc > 1 ? if_nametoindex(argv[1]) : 0;
	if (argc < 7 || !ifindex || !inet_aton(argv[2], &spa) || !inet_aton(argv[3], &tpa) ||
	    (!unanswered && !mac_parse(argv[4], mac))) {
		fprintf(stderr, "usage: flood DEV SPA TPA MAC SECONDS CPU...\n");
		return 2;
	}
	skeleton = flood_bpf__open();
	if (!skeleton || stop_on_term() < 0)
		return 1;
	skeleton->rodata->request =
		frame_make(ARP_OP_REQUEST, broadcast, requester, spa, zero, tpa);
	skeleton->rodata->reply = frame_make(ARP_OP_REPLY, requester, mac, tpa, requester, spa);
	skeleton->rodata->many_senders = unanswered;
	if (unanswered && argv[4][1])
		skeleton->rodata->addresses = atoi(argv[4] + 1);
	if (flood_bpf__load(skeleton) < 0)
		return 1;
	if (!unanswered)
		skeleton->links.sink = bpf_program__attach_xdp(skeleton->progs.sink, ifindex);
	if (!unanswered && !skeleton->links.sink)
		return 1;
	started = now_seconds();
	if (send_from_each(argc - 6, argv + 6, bpf_program__fd(skeleton->progs.flood), ifindex,
			   atof(argv[5])))
		return 1;
	started = now_seconds() - started;
	counts = counts_settled(skeleton, unanswered);
	printf("{\"sent\": %llu, \"right\": %llu, \"wrong\": %llu, \"seconds\": %.3f}\n",
	       (unsigned long long)counts.sent, (unsigned long long)counts.right,
	       (unsigned long long)counts.wrong, started);
	flood_bpf__destroy(skeleton);
	return 0;
}
