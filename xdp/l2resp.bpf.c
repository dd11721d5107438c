// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Answers "who has" for the addresses in responder_v4 from the driver's receive hook. Whatever it
 * doesn't answer it passes up untouched; it never drops. bpf_xdp_adjust_*() is not used: before
 * libxdp 1.5.5 it breaks dispatchers.
 */
#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <xdp/xdp_helpers.h>

#include "arp.bpf.h"

/* After a firewall at priority 10; what we pass goes on to the next program. */
struct {
	__uint(priority, 20);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(xdp_l2resp);

/*
 * The device that the program was attached to, set by the loader. Not ctx->ingress_ifindex: on a
 * bond that is the slave's, and a constant costs nothing.
 */
const volatile __u32 attached_ifindex;
/* The program doesn't read it: by it a loader finds out whose program this is. */
const volatile struct pins_origin pins_origin = {};

/* The EtherType: it lies right before what it is the type of. */
static __always_inline __be16 frame_type(const void *payload)
{
	return *(const __be16 *)(payload - sizeof(__be16));
}

/* Shorter than an ARP packet for Ethernet and IPv4. */
static __noinline int short_frame(const void *eth, const void *end)
{
	const void *payload = eth + ETH_HLEN;

	if (payload <= end && frame_type(payload) == bpf_htons(ETH_P_ARP))
		return count_pass(OUTCOME_ARP_TRUNCATED);
	return XDP_PASS;
}

SEC("xdp.frags")
int xdp_l2resp(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	void *eth = (void *)(long)ctx->data;

	/* one bounds check for nearly every frame: nothing shorter is for us */
	if (eth + ETH_HLEN + sizeof(struct arp_packet) > end)
		return short_frame(eth, end);
	if (frame_type(eth + ETH_HLEN) != bpf_htons(ETH_P_ARP))
		return XDP_PASS;
	return arp_packet(eth, eth + ETH_HLEN, attached_ifindex);
}

char _license[] SEC("license") = "Dual BSD/GPL";
