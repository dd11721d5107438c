// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* For the far end of a veth pair: see the demo. Passes every frame. */
#include <linux/bpf.h>

__attribute__((section("xdp"), used)) int pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}
