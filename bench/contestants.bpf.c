// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The programs that xdp-l2resp is measured against. */
#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* xdp-l2resp once more, without the question whether monitor runs: what that costs is the
 * difference. */
#define trace_is_on trace_is_on_unasked
#include "trace.bpf.h"
#undef trace_is_on

static __always_inline bool trace_is_on(void)
{
	return false;
}

#include "l2resp.bpf.c"

#define SIX_BYTES 0x0000ffffffffffffULL

static __always_inline void addresses_swap(void *eth)
{
	__u64 destination = *(__u64 *)eth; /* and the two bytes behind */
	__u64 source = *(__u64 *)(eth + ETH_ALEN);

	*(__u64 *)eth = source;
	*(__u64 *)(eth + ETH_ALEN) = (destination & SIX_BYTES) | (source & ~SIX_BYTES);
}

/* The limit: what the hook can do when the program does next to nothing. */
SEC("xdp")
int bare_tx(struct xdp_md *ctx)
{
	void *eth = (void *)(long)ctx->data;

	if (eth + ETH_HLEN > (void *)(long)ctx->data_end)
		return XDP_PASS;
	addresses_swap(eth);
	return XDP_TX;
}

/* The limit, and one more access to memory at each step: what an answer from a map can't do
 * without. */
enum step { STEP_LOOK_UP, STEP_COUNT_INSIDE, STEP_COUNT_APART };

/* A count for each address, in a map of its own; sized before load, to a power of two. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} counts_apart SEC(".maps");

const volatile __u32 counts_apart_mask;

static __always_inline int step_tx(struct xdp_md *ctx, const enum step step)
{
	void *eth = (void *)(long)ctx->data;
	const struct arp_packet *arp = eth + ETH_HLEN;
	struct responder_v4_key key = { .ifindex = attached_ifindex };
	struct responder_v4_entry *entry;
	__u32 slot;
	__u64 *count;

	if ((void *)(arp + 1) > (void *)(long)ctx->data_end)
		return XDP_PASS;
	key.ip4 = ip4_load(arp->tpa);
	entry = bpf_map_lookup_elem(&responder_v4, &key);
	if (!entry)
		return XDP_PASS;
	if (step == STEP_COUNT_INSIDE) {
		__sync_fetch_and_add(&entry->responses_sent, 1);
	} else if (step == STEP_COUNT_APART) {
		slot = bpf_ntohl(key.ip4) & counts_apart_mask;
		count = bpf_map_lookup_elem(&counts_apart, &slot);
		if (count)
			(*count)++;
	}
	addresses_swap(eth);
	return XDP_TX;
}

SEC("xdp")
int step_look_up(struct xdp_md *ctx)
{
	return step_tx(ctx, STEP_LOOK_UP);
}

SEC("xdp")
int step_count_inside(struct xdp_md *ctx)
{
	return step_tx(ctx, STEP_COUNT_INSIDE);
}

SEC("xdp")
int step_count_apart(struct xdp_md *ctx)
{
	return step_tx(ctx, STEP_COUNT_APART);
}

/* The limit of what passes through. */
SEC("xdp")
int empty_pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

/* The responder itself, one hook later: the same source, map and counters, behind the skb. */
SEC("tc")
int tc_l2resp(struct __sk_buff *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct arp_packet *arp = (void *)(eth + 1);

	if ((void *)(arp + 1) > end || eth->h_proto != bpf_htons(ETH_P_ARP))
		return TC_ACT_OK;
	if (arp_untagged(eth) != XDP_TX)
		return TC_ACT_OK;
	return bpf_redirect(attached_ifindex, 0);
}
