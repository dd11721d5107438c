// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>
#include <linux/if_link.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "load_hook.h"

/* In @ns, at the ingress or egress of @ifindex. */
static int tc_hook(int ns, unsigned int ifindex, enum bpf_tc_attach_point point,
		   const struct bpf_program *prog, struct err *err)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = point);
	/* behind a responder, which has priority 1 */
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = bpf_program__fd(prog), .handle = 1,
		    .priority = 2);
	int r = lane_enter(ns, err);

	if (r < 0)
		return r;
	r = bpf_tc_hook_create(&hook);
	if (!r || r == -EEXIST)
		r = bpf_tc_attach(&hook, &opts);
	if (r < 0)
		return err_set(err, r, "attaching %s at tc: %s", bpf_program__name(prog),
			       strerror(-r));
	return 0;
}

int load_hook_sink(const struct lane *lane, const struct load_options *options,
		   const struct load_bpf *skeleton, struct err *err)
{
	int r = 0;

	/* frames that aren't requests end at the tc hook, behind the driver's */
	if (options->kind == LOAD_MIXED)
		r = tc_hook(lane->device_ns, lane->device_ifindex, BPF_TC_INGRESS,
			    skeleton->progs.load_drop_passed, err);
	if (r < 0)
		return r;

	switch (options->sink) {
	case LOAD_SINK_SKB:
		r = tc_hook(lane->requester_ns, lane->requester_ifindex, BPF_TC_INGRESS,
			    skeleton->progs.load_sink_skb, err);
		break;
	case LOAD_SINK_PASSED:
		r = tc_hook(lane->device_ns, lane->device_ifindex, BPF_TC_INGRESS,
			    skeleton->progs.load_sink_passed, err);
		break;
	default:
		r = lane_enter(lane->requester_ns, err);
		if (r < 0)
			return r;
		r = bpf_xdp_attach(lane->requester_ifindex,
				   bpf_program__fd(skeleton->progs.load_sink), XDP_FLAGS_DRV_MODE,
				   NULL);
		if (r < 0)
			return err_set(err, r, "attaching the sink: %s", strerror(-r));
	}
	return r;
}

static void tc_unhook(int ns, unsigned int ifindex, enum bpf_tc_attach_point point)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = point);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 2);
	struct err ignored;

	if (!lane_enter(ns, &ignored))
		bpf_tc_detach(&hook, &opts);
}

void load_unhook(const struct lane *lane, const struct load_options *options)
{
	struct err ignored;

	if (options->kind == LOAD_MIXED || options->sink == LOAD_SINK_PASSED)
		tc_unhook(lane->device_ns, lane->device_ifindex, BPF_TC_INGRESS);
	if (options->sink == LOAD_SINK_SKB)
		tc_unhook(lane->requester_ns, lane->requester_ifindex, BPF_TC_INGRESS);
	if (options->pktgen)
		tc_unhook(lane->requester_ns, lane->requester_ifindex, BPF_TC_EGRESS);
	if (options->sink == LOAD_SINK_XDP && !lane_enter(lane->requester_ns, &ignored))
		bpf_xdp_detach(lane->requester_ifindex, XDP_FLAGS_DRV_MODE, NULL);
}

int load_hook_generator(const struct lane *lane, const struct load_options *options,
			const struct load_bpf *skeleton, struct err *err)
{
	int r;

	if (options->pktgen)
		return tc_hook(lane->requester_ns, lane->requester_ifindex, BPF_TC_EGRESS,
			       skeleton->progs.load_rewrite, err);
	r = lane_enter(lane->requester_ns, err);
	if (r < 0)
		return r;
	r = bpf_xdp_attach(LOAD_GENERATOR_IFINDEX, bpf_program__fd(skeleton->progs.load_generate),
			   XDP_FLAGS_SKB_MODE, NULL);
	return r < 0 ? err_set(err, r, "attaching the generator: %s", strerror(-r)) : 0;
}
