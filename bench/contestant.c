// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/if_link.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "contestant.h"
#include "l2resp.h"
#include "prog.h"
#include "contestants.skel.h" /* last: it needs the types of l2resp.h */

#define MAX_WORDS 16

static const char *cli = "xdp-l2resp";

void contestant_set_cli(const char *path)
{
	cli = path;
}

const char *contestant_cli(void)
{
	return cli;
}

char *contestant_targets(uint32_t count, char text[TARGETS_TEXT_SIZE])
{
	struct in_addr first = { htonl(load_first_target(count)) };
	struct in_addr last = { htonl(load_first_target(count) + count - 1) };
	char first_ip[INET_ADDRSTRLEN], last_ip[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &first, first_ip, sizeof(first_ip));
	inet_ntop(AF_INET, &last, last_ip, sizeof(last_ip));
	snprintf(text, TARGETS_TEXT_SIZE, "%s-%s", first_ip, last_ip);
	return text;
}

int contestant_run_cli(const struct lane *lane, int input, struct err *err,
		       const char *const *words)
{
	const char *all[MAX_WORDS] = { cli, "--bpffs", lane->bpffs };
	int count = 3;

	while (*words && count < MAX_WORDS - 1)
		all[count++] = *words++;
	return lane_run(lane->device_ns, input, all, err);
}

/* Ours */

static int add_targets(const struct entrant *entrant, struct err *err)
{
	char targets[TARGETS_TEXT_SIZE];

	if (entrant->contest->empty)
		return 0;
	return RUN_CLI(&entrant->lane, err, "add",
		       contestant_targets(entrant->contest->targets, targets), "dev", LANE_DEVICE);
}

/* The id of the program in the driver's hook, or in the generic one. */
static uint32_t device_prog_id(const struct lane *lane)
{
	struct err ignored;
	uint32_t id = 0;

	if (lane_enter(lane->device_ns, &ignored) < 0 ||
	    bpf_xdp_query_id(lane->device_ifindex, 0, &id) < 0)
		return 0;
	return id;
}

static int attach_l2resp(struct entrant *entrant, struct err *err)
{
	uint32_t targets = entrant->contest->targets;
	char max_entries[16];
	int r;

	snprintf(max_entries, sizeof(max_entries), "%u",
		 targets > L2RESP_DEFAULT_MAX_ENTRIES ? targets : L2RESP_DEFAULT_MAX_ENTRIES);
	r = RUN_CLI(&entrant->lane, err, "attach", LANE_DEVICE, "--max-entries", max_entries,
		    "--mode", entrant->contest->skb_mode ? "skb" : "native");
	if (!r)
		r = add_targets(entrant, err);
	return r;
}

static int start_dispatched(struct entrant *entrant, struct err *err)
{
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);
	int fd, r = attach_l2resp(entrant, err);

	if (r < 0)
		return r;
	entrant->prog_id = device_prog_id(&entrant->lane);
	fd = bpf_prog_get_fd_by_id(entrant->prog_id);
	r = bpf_obj_get_info_by_fd(fd, &info, &size);
	close(fd);
	if (r < 0 || strcmp(info.name, "xdp_dispatcher"))
		return err_set(err, -EOPNOTSUPP, "no libxdp dispatcher to be had on this kernel");
	return 0;
}

static int start_l2resp(struct entrant *entrant, struct err *err)
{
	int r;

	/* libxdp's switch; else it puts even a single program into a dispatcher */
	setenv("LIBXDP_SKIP_DISPATCHER", "1", true);
	r = attach_l2resp(entrant, err);
	unsetenv("LIBXDP_SKIP_DISPATCHER");
	if (!r)
		entrant->prog_id = device_prog_id(&entrant->lane);
	return r;
}

const struct contestant contestant_l2resp = {
	.name = "xdp-l2resp",
	.text = "xdp-l2resp, alone in the driver's hook",
	.trailer = true,
	.sink = LOAD_SINK_XDP,
	.start = start_l2resp,
};

const struct contestant contestant_l2resp_2_cpus = {
	.name = "xdp-l2resp, 2 CPUs",
	.text = "xdp-l2resp, asked from two CPUs at once",
	.trailer = true,
	.sink = LOAD_SINK_XDP,
	.cpus = 2,
	.start = start_l2resp,
};

const struct contestant contestant_l2resp_passing = {
	.name = "xdp-l2resp",
	.text = "xdp-l2resp, alone in the driver's hook, passing frames up",
	.sink = LOAD_SINK_PASSED,
	.start = start_l2resp,
};

const struct contestant contestant_l2resp_dispatched = {
	.name = "xdp-l2resp in a dispatcher",
	.text = "xdp-l2resp as the only program in a libxdp dispatcher",
	.trailer = true,
	.sink = LOAD_SINK_XDP,
	.start = start_dispatched,
};

static int start_chain(struct entrant *entrant, struct err *err)
{
	int r;

	if (prog_ext_supported() < 0)
		return err_set(err, -EOPNOTSUPP, "no libxdp dispatcher to be had on this kernel");
	r = LANE_RUN(entrant->lane.device_ns, err, "xdp-filter", "load", LANE_DEVICE, "-m",
		     entrant->contest->skb_mode ? "skb" : "native", "-f", "udp");

	if (r == -ENOENT)
		return -EOPNOTSUPP;
	return r ?: start_dispatched(entrant, err);
}

const struct contestant contestant_l2resp_chain = {
	.name = "xdp-l2resp behind xdp-filter",
	.text = "xdp-l2resp as second program in a libxdp dispatcher, behind xdp-filter",
	.trailer = true,
	.sink = LOAD_SINK_XDP,
	.start = start_chain,
};

/* Programs of the benchmark's own */

/* Opens the object, and selects only the contestant's program for loading. */
static int open_program(struct entrant *entrant, struct bpf_program **ret_prog, struct err *err)
{
	const char *name = entrant->contestant->program;
	struct bpf_program *prog;

	entrant->skeleton = contestants_bpf__open();
	if (!entrant->skeleton)
		return err_set(err, negative_errno(), "opening the contestants: %s",
			       strerror(errno));
	entrant->skeleton->rodata->attached_ifindex = entrant->lane.device_ifindex;
	bpf_object__for_each_program(prog, entrant->skeleton->obj)
		bpf_program__set_autoload(prog, !strcmp(bpf_program__name(prog), name));
	*ret_prog = bpf_object__find_program_by_name(entrant->skeleton->obj, name);
	return 0;
}

static int load_program(struct entrant *entrant, struct err *err)
{
	int r = contestants_bpf__load(entrant->skeleton);

	if (r < 0)
		return err_set(err, r, "loading the contestants: %s", strerror(-r));
	return lane_enter(entrant->lane.device_ns, err);
}

static uint32_t prog_id(const struct bpf_program *prog)
{
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);

	return bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &size) ? 0 : info.id;
}

static int attach_xdp(struct entrant *entrant, const struct bpf_program *prog, struct err *err)
{
	int r = bpf_xdp_attach(entrant->lane.device_ifindex, bpf_program__fd(prog),
			       entrant->contest->skb_mode ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE,
			       NULL);

	if (r < 0)
		return err_set(err, r, "attaching %s: %s", bpf_program__name(prog), strerror(-r));
	entrant->prog_id = prog_id(prog);
	return 0;
}

static int start_xdp(struct entrant *entrant, struct err *err)
{
	struct bpf_program *prog = NULL;
	int r = open_program(entrant, &prog, err);

	if (!r)
		r = load_program(entrant, err);
	return r ?: attach_xdp(entrant, prog, err);
}

const struct contestant contestant_bare = {
	.name = "bare XDP_TX",
	.text = "MAC addresses swapped and sent back: what the hook can do",
	.swapped = true,
	.trailer = true,
	.sink = LOAD_SINK_XDP,
	.program = "bare_tx",
	.start = start_xdp,
};

const struct contestant contestant_bare_2_cpus = {
	.name = "bare XDP_TX, 2 CPUs",
	.text = "the same, asked from two CPUs at once",
	.swapped = true,
	.trailer = true,
	.sink = LOAD_SINK_XDP,
	.cpus = 2,
	.program = "bare_tx",
	.start = start_xdp,
};

const struct contestant contestant_empty = {
	.name = "empty XDP_PASS",
	.text = "a program that passes everything: what any program costs",
	.sink = LOAD_SINK_PASSED,
	.program = "empty_pass",
	.start = start_xdp,
};

/* Shares the maps that the command created and filled with a program of the benchmark. */
static int reuse_pins(struct entrant *entrant, struct err *err)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, entrant->skeleton->obj)
	{
		char path[128];
		int fd, r;

		if (bpf_map__is_internal(map))
			continue;
		snprintf(path, sizeof(path), "%s/xdp-l2resp/v%d/%s", entrant->lane.bpffs,
			 L2RESP_SCHEMA_VERSION, bpf_map__name(map));
		fd = bpf_obj_get(path);
		if (fd < 0 && errno == ENOENT)
			continue; /* not pinned: a program's scratch map */
		r = fd < 0 ? negative_errno() : bpf_map__reuse_fd(map, fd);
		if (fd >= 0)
			close(fd);
		if (r < 0)
			return err_set(err, r, "%s: %s", path, strerror(-r));
	}
	return 0;
}

/* Loads the contestant's program with the command's maps, filled. */
static int load_with_maps(struct entrant *entrant, struct bpf_program **ret_prog, struct err *err)
{
	uint32_t slots = 1;
	/* only `attach` of the command creates maps of a given size */
	int r = attach_l2resp(entrant, err);

	if (!r)
		r = RUN_CLI(&entrant->lane, err, "detach", LANE_DEVICE);
	if (!r)
		r = open_program(entrant, ret_prog, err);
	if (!r)
		r = reuse_pins(entrant, err);
	if (r < 0)
		return r;
	while (slots < entrant->contest->targets)
		slots *= 2;
	bpf_map__set_max_entries(entrant->skeleton->maps.counts_apart, slots);
	entrant->skeleton->rodata->counts_apart_mask = slots - 1;
	return load_program(entrant, err);
}

static int start_tc(struct entrant *entrant, struct err *err)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = entrant->lane.device_ifindex,
		    .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .priority = 1);
	struct bpf_program *prog = NULL;
	int r = load_with_maps(entrant, &prog, err);

	if (!r)
		r = lane_device_gro(&entrant->lane, true, err);
	if (r < 0)
		return r;
	opts.prog_fd = bpf_program__fd(prog);
	r = bpf_tc_hook_create(&hook);
	if (!r || r == -EEXIST)
		r = bpf_tc_attach(&hook, &opts);
	if (r < 0)
		return err_set(err, r, "attaching tc_l2resp at tc: %s", strerror(-r));
	entrant->prog_id = prog_id(prog);
	return 0;
}

const struct contestant contestant_tc = {
	.name = "tc ingress",
	.text = "the same responder as a direct-action program at tc ingress",
	.trailer = true,
	.sink = LOAD_SINK_SKB,
	.program = "tc_l2resp",
	.start = start_tc,
};

static int start_with_maps(struct entrant *entrant, struct err *err)
{
	struct bpf_program *prog = NULL;
	int r = load_with_maps(entrant, &prog, err);

	return r ?: attach_xdp(entrant, prog, err);
}

const struct contestant contestant_look_up = {
	.name = "bare, a look-up",
	.text = "bare XDP_TX, once the address is found in the map",
	.program = "step_look_up",
	.swapped = true,
	.trailer = true,
	.sink = LOAD_SINK_XDP,
	.start = start_with_maps,
};

const struct contestant contestant_count_inside = {
	.name = "bare, a look-up, a count",
	.text = "the same, and the answer is counted in what was found",
	.program = "step_count_inside",
	.swapped = true,
	.trailer = true,
	.sink = LOAD_SINK_XDP,
	.start = start_with_maps,
};

const struct contestant contestant_count_apart = {
	.name = "bare, a look-up, a count apart",
	.text = "the same, but counted in a per-CPU array",
	.program = "step_count_apart",
	.swapped = true,
	.trailer = true,
	.sink = LOAD_SINK_XDP,
	.start = start_with_maps,
};

const struct contestant contestant_l2resp_untraced = {
	.name = "xdp-l2resp without a trace",
	.text = "xdp-l2resp, without the question whether monitor runs",
	.program = "xdp_l2resp",
	.sink = LOAD_SINK_PASSED,
	.start = start_with_maps,
};

/* Entering and leaving */

int entrant_open(const struct contestant *contestant, const struct contest *contest,
		 unsigned int queues, struct entrant *ret_entrant, struct err *err)
{
	struct entrant *entrant = ret_entrant;
	int r;

	*entrant = (struct entrant){ .contestant = contestant, .contest = contest };
	r = lane_open(&entrant->lane, queues, err);
	if (r < 0)
		return r;
	/* in skb mode the driver has no program, so veth polls its ring only with GRO */
	r = contest->skb_mode ? lane_device_gro(&entrant->lane, true, err) : 0;
	if (!r)
		r = contestant->start(entrant, err);
	if (r < 0)
		entrant_close(entrant);
	return r;
}

void entrant_close(struct entrant *entrant)
{
	struct err ignored;

	if (entrant->pid)
		lane_stop(entrant->pid);
	/* the programs are detached with the device; the pinned maps would stay */
	RUN_CLI(&entrant->lane, &ignored, "detach", "--all");
	RUN_CLI(&entrant->lane, &ignored, "flush", "--all");
	contestants_bpf__destroy(entrant->skeleton);
	lane_close(&entrant->lane);
	*entrant = (struct entrant){ .lane = { .requester_ns = -1 } };
}
