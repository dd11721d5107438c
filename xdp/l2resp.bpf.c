// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Answers ARP requests and neighbour solicitations for the addresses in responder_v4 and
 * responder_v6 at the driver's receive hook. Passes all other frames to the kernel unchanged, and
 * never drops one. Doesn't use bpf_xdp_adjust_*(), which breaks dispatchers before libxdp 1.5.5.
 *
 * The verifier checks a global function only once, however many paths lead to it; so large or often
 * called functions are global. It assumes that each pointer argument of a global function may be
 * NULL.
 */
#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <xdp/xdp_helpers.h>

#include "frame.bpf.h"
#include "trace.bpf.h"

/* After a firewall at priority 10; what we pass goes on to the next program. */
struct {
	__uint(priority, 20);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(xdp_l2resp);

/* Not read by the program: commands find by it which pins the program belongs to. */
const volatile struct pins_origin pins_origin = {};
const volatile __u64 netns_cookie = 0; /* of the network namespace that they serve */

/* Slow path: not plain ARP, or `monitor` is on. */
static __noinline int respond_slowly(struct xdp_md *ctx)
{
	/* record only frames with an outcome: on a VLAN trunk nearly all frames get here */
	struct trace_record *record = trace_is_on() && frame_counts(ctx) ? trace_begin(ctx) : NULL;
	enum outcome outcome = frame_respond(ctx);

	if (record)
		trace_end(ctx, record, outcome);
	return verdict(outcome);
}

SEC("xdp.frags")
int xdp_l2resp(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	void *behind = (void *)(long)ctx->data + ETH_HLEN + sizeof(struct arp_packet);
	void *payload, *eth;
	__u64 type;

	barrier_var(behind); /* else clang keeps the frame's start, too, for every frame */
	/* one bounds check for nearly every frame: shorter frames aren't answered */
	if (behind > end)
		return respond_slowly(ctx);
	payload = behind - sizeof(struct arp_packet);
	type = frame_type(payload);
	if (type == bpf_htons(ETH_P_ARP)) {
		eth = payload - ETH_HLEN;
		barrier_var(eth); /* else clang keeps both @eth and @behind */
		return trace_is_on() ? respond_slowly(ctx) : arp_untagged(eth);
	}
	barrier_var(type); /* else clang reorders the type checks */
	if (type == bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (type == bpf_htons(ETH_P_IPV6))
		return ip6_may_be_nd(payload, end) ? respond_slowly(ctx) : XDP_PASS;
	return type_is_tag(type) ? respond_slowly(ctx) : XDP_PASS;
}

/*
 * For explain, which runs it by BPF_PROG_RUN: handles a frame as xdp_l2resp does, but returns the
 * outcome, OUTCOME_COUNT if it has none. Loaded with counters_slot L2RESP_COUNTERS_NONE.
 */
SEC("xdp")
int l2resp_explain(struct xdp_md *ctx)
{
	return frame_respond(ctx);
}

char _license[] SEC("license") = "Dual BSD/GPL";
