// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A dispatcher of a libxdp that isn't there yet: its name, its mark, a version of its own. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <xdp/prog_dispatcher.h>

#define OTHER_VERSION (XDP_DISPATCHER_VERSION + 1)

struct {
	__uint(dispatcher_version, OTHER_VERSION);
} _xdp_metadata SEC(XDP_METADATA_SECTION);

static volatile const struct xdp_dispatcher_config conf = {
	.magic = XDP_DISPATCHER_MAGIC,
	.dispatcher_version = OTHER_VERSION,
	.num_progs_enabled = 1,
};

__attribute__((noinline)) int prog0(struct xdp_md *ctx)
{
	volatile int verdict = XDP_DISPATCHER_RETVAL;

	return ctx ? verdict : XDP_ABORTED;
}

SEC("xdp")
int xdp_dispatcher(struct xdp_md *ctx)
{
	int verdict = conf.num_progs_enabled ? prog0(ctx) : XDP_PASS;

	return verdict == XDP_DISPATCHER_RETVAL ? XDP_PASS : verdict;
}

char _license[] SEC("license") = "Dual BSD/GPL";
