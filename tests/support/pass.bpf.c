// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Passes everything. On the client's end of a veth pair it lets XDP_TX frames in, which veth
 * delivers only to a peer with an XDP program; on the server's end it is the foreign program that
 * must not be displaced.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
