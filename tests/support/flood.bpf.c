// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A generator for BPF_PROG_RUN's live frames, and the sink for what comes back. */
#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "flood.h"

/* The last four bytes of the sender hardware address. */
#define ARP_SHA_LOW (ETH_HLEN + 8 + 2)
#define ARP_SPA	    (ETH_HLEN + 14)
#define ARP_TPA	    (ETH_HLEN + 24)

#define WORDS (sizeof(struct flood_frame) / sizeof(__u64))

/* Set before load. */
const volatile struct flood_frame request, reply;
const volatile bool many_senders;
/* Each is about one of so many addresses, from that of the request on, as its sender and target. */
const volatile __u32 addresses = 1;

struct flood_counts counts[FLOOD_MAX_CPUS];

static struct flood_counts *counts_here(void)
{
	return &counts[bpf_get_smp_processor_id() & (FLOOD_MAX_CPUS - 1)];
}

/* Frames are recycled as the responder left them, so the whole request is written each time. */
SEC("xdp")
int flood(struct xdp_md *ctx)
{
	struct flood_frame *frame = (void *)(long)ctx->data;

	if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	for (__u32 i = 0; i < WORDS; i++)
		frame->word[i] = request.word[i];
	if (many_senders)
		*(__u32 *)((void *)frame + ARP_SHA_LOW) = bpf_get_prandom_u32();
	if (addresses > 1) {
		__be32 *spa = (void *)frame + ARP_SPA, *tpa = (void *)frame + ARP_TPA;

		*spa = bpf_htonl(bpf_ntohl(*spa) + bpf_get_prandom_u32() % addresses);
		*tpa = *spa;
	}
	counts_here()->sent++;
	return XDP_TX;
}

SEC("xdp")
int sink(struct xdp_md *ctx)
{
	struct flood_frame *frame = (void *)(long)ctx->data;
	struct ethhdr *eth = (void *)frame;
	__u64 difference = 0;

	if ((void *)(frame + 1) > (void *)(long)ctx->data_end ||
	    eth->h_proto != bpf_htons(ETH_P_ARP))
		return XDP_PASS;
	for (__u32 i = 0; i < WORDS; i++)
		difference |= frame->word[i] ^ reply.word[i];
	if (difference)
		counts_here()->wrong++;
	else
		counts_here()->right++;
	return XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
