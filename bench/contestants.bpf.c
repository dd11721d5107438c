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

/* The limit: what the hook can do when the program does next to nothing. */
SEC("xdp")
int bare_tx(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	__u64 destination, source; /* and the two bytes behind */

	if (data + ETH_HLEN > (void *)(long)ctx->data_end)
		return XDP_PASS;
	destination = *(__u64 *)data;
	source = *(__u64 *)(data + ETH_ALEN);
	*(__u64 *)data = source;
	*(__u64 *)(data + ETH_ALEN) = (destination & SIX_BYTES) | (source & ~SIX_BYTES);
	return XDP_TX;
}

/* The limit of what passes through. */
SEC("xdp")
int empty_pass(struct xdp_md *ctx)
{
	(void)ctx;
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
	if (!outcome_is_answer(arp_packet(eth, arp, attached_ifindex, true)))
		return TC_ACT_OK;
	return bpf_redirect(attached_ifindex, 0);
}
