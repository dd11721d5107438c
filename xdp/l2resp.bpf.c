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
/* Where the maps are pinned. The program doesn't read it: by it a loader finds out whose program
 * this is. */
const volatile char pins_dir[L2RESP_PINS_DIR_SIZE] = "";

SEC("xdp.frags")
int xdp_l2resp(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	void *eth = (void *)(long)ctx->data;
	void *payload = eth + sizeof(struct ethhdr);

	if (payload > end)
		return XDP_PASS;
	/* the type lies right before the payload */
	if (*(__be16 *)(payload - sizeof(__be16)) == bpf_htons(ETH_P_ARP))
		return arp_packet(eth, payload, end, attached_ifindex);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
