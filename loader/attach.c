// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <linux/magic.h>

#include "attach.h"
#include "cleanup.h"
#include "l2resp.skel.h"
#include "prog.h"

#define PROG_SECTION "xdp.frags"
/* where libxdp keeps its pins, whatever --bpffs says */
#define LIBXDP_BPFFS "/sys/fs/bpf"

static bool log_verbose;

static int log_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	return log_verbose && level <= LIBBPF_INFO ? vfprintf(stderr, format, args) : 0;
}

static int log_libxdp(enum libxdp_print_level level, const char *format, va_list args)
{
	return log_verbose && level <= LIBXDP_INFO ? vfprintf(stderr, format, args) : 0;
}

void attach_log_setup(bool verbose)
{
	log_verbose = verbose;
	libbpf_set_print(log_libbpf);
	libxdp_set_print(log_libxdp);
}

static void cleanup_multiprog(struct xdp_multiprog **multiprog)
{
	xdp_multiprog__close(*multiprog);
}

static void cleanup_program(struct xdp_program **program)
{
	xdp_program__close(*program);
}

static void cleanup_skeleton(struct l2resp_bpf **skeleton)
{
	l2resp_bpf__destroy(*skeleton);
}

const char *attach_mode_name(enum xdp_attach_mode mode)
{
	switch (mode) {
	case XDP_MODE_NATIVE:
		return "native";
	case XDP_MODE_SKB:
		return "skb";
	default:
		return "none";
	}
}

void attach_alone_reason(char *text, size_t size)
{
	struct statfs fs;
	int r;

	text[0] = '\0';
	if (statfs(LIBXDP_BPFFS, &fs) < 0 || fs.f_type != BPF_FS_MAGIC) {
		snprintf(text, size, "no BPF file system at %s, where libxdp keeps dispatchers",
			 LIBXDP_BPFFS);
		return;
	}
	r = prog_ext_supported();
	if (r < 0)
		snprintf(text, size, "the kernel refuses BPF_PROG_TYPE_EXT: %s", strerror(-r));
}

static void state_add(struct attach_state *state, const struct xdp_program *prog,
		      uint32_t counters_id)
{
	unsigned int i = state->count;

	if (i == ATTACH_MAX_PROGS)
		return;
	state->prog[i].id = xdp_program__id(prog);
	state->prog[i].priority = xdp_program__run_prio(prog);
	snprintf(state->prog[i].name, sizeof(state->prog[i].name), "%s",
		 xdp_program__name(prog) ?: "");
	if (!strcmp(state->prog[i].name, PROG_NAME)) {
		state->prog[i].ours =
			counters_id && prog_id_uses_map(state->prog[i].id, counters_id);
		state->prog[i].orphan = !state->prog[i].ours;
	}
	state->count++;
}

static int multiprog_get(unsigned int ifindex, struct xdp_multiprog **ret_multiprog,
			 struct err *err)
{
	struct xdp_multiprog *multiprog = xdp_multiprog__get_from_ifindex(ifindex);
	int r = libxdp_get_error(multiprog);

	*ret_multiprog = NULL;
	if (r == -ENOENT)
		return 0;
	if (r == -EPERM)
		return err_set(err, r,
			       "asking for the XDP programs of interface %u: %s; run it as root",
			       ifindex, strerror(-r));
	if (r < 0)
		return err_set(err, r, "asking for the XDP programs of interface %u: %s", ifindex,
			       strerror(-r));
	*ret_multiprog = multiprog;
	return 0;
}

int attach_query(unsigned int ifindex, uint32_t counters_id, struct attach_state *ret_state,
		 struct err *err)
{
	_cleanup_(cleanup_multiprog) struct xdp_multiprog *multiprog = NULL;
	struct attach_state state = {};
	int r = multiprog_get(ifindex, &multiprog, err);

	if (r < 0)
		return r;
	if (multiprog) {
		struct xdp_program *prog = NULL;

		state.mode = xdp_multiprog__attach_mode(multiprog);
		state.chain = !xdp_multiprog__is_legacy(multiprog);
		if (!state.chain)
			state_add(&state, xdp_multiprog__main_prog(multiprog), counters_id);
		else
			while ((prog = xdp_multiprog__next_prog(prog, multiprog)))
				state_add(&state, prog, counters_id);
	}
	*ret_state = state;
	return 0;
}

int attach_find(const struct attach_state *state, bool orphans)
{
	for (unsigned int i = 0; i < state->count; i++)
		if (state->prog[i].ours || (orphans && state->prog[i].orphan))
			return i;
	return -1;
}

/* Opens the program with its constants set and its maps the pinned ones; not loaded yet. */
static int skeleton_open(const struct pins *pins, const struct link *link, uint32_t counters_slot,
			 struct l2resp_bpf **ret_skeleton, struct err *err)
{
	_cleanup_(cleanup_skeleton) struct l2resp_bpf *skeleton = l2resp_bpf__open();
	struct bpf_map *map;
	int r;

	if (!skeleton)
		return err_set(err, negative_errno(), "opening the built-in BPF object: %s",
			       strerror(errno));
	skeleton->rodata->attached_ifindex = link->ifindex;
	skeleton->rodata->counters_slot = counters_slot;
	skeleton->rodata->shards_shared = libbpf_num_possible_cpus() > L2RESP_SHARDS;
	for (enum pins_map pin = 0; pin < PINS_MAP_COUNT; pin++) {
		map = bpf_object__find_map_by_name(skeleton->obj, pins_map_name(pin));
		/* one that only user space reads; or a rehearsal with nothing pinned yet */
		if (!map || pins->fd[pin] < 0)
			continue;
		r = bpf_map__reuse_fd(map, pins->fd[pin]);
		if (r < 0)
			return err_set(err, r, "using the pinned map %s: %s", pins_map_name(pin),
				       strerror(-r));
	}
	*ret_skeleton = skeleton;
	skeleton = NULL;
	return 0;
}

static int err_load(struct err *err, int error, const struct link *link)
{
	if (error == -EPERM)
		return err_set(err, error, "%s: loading the program: %s; run it as root",
			       link->name, strerror(-error));
	return err_set(
		err, error,
		"%s: the kernel refuses the program: %s (-v shows the verifier's last lines)",
		link->name, strerror(-error));
}

/* One attempt in one mode. libxdp loads the program as it attaches, so each attempt starts from a
 * fresh object. */
static int attach_new(const struct pins *pins, const struct link *link, uint32_t counters_slot,
		      unsigned int priority, enum xdp_attach_mode mode, struct err *err)
{
	_cleanup_(cleanup_skeleton) struct l2resp_bpf *skeleton = NULL;
	_cleanup_(cleanup_program) struct xdp_program *prog = NULL;
	int r = skeleton_open(pins, link, counters_slot, &skeleton, err);

	if (r < 0)
		return r;
	prog = xdp_program__from_bpf_obj(skeleton->obj, PROG_SECTION);
	r = libxdp_get_error(prog);
	if (r < 0) {
		prog = NULL;
		return err_set(err, r, "opening the built-in BPF object: %s", strerror(-r));
	}
	r = xdp_program__set_run_prio(prog, priority);
	if (r < 0)
		return err_set(err, r, "setting priority %u: %s", priority, strerror(-r));
	r = xdp_program__attach(prog, link->ifindex, mode, 0);
	if (r == -EOPNOTSUPP)
		return err_set(err, r,
			       "%s: the driver has no native XDP; --mode skb would attach, slower",
			       link->name);
	if (r == -E2BIG || r == -ENOSPC)
		return err_set(err, r,
			       "%s: the dispatcher has no room for another program (%d at most)",
			       link->name, ATTACH_MAX_PROGS);
	if (r < 0 && mode == XDP_MODE_NATIVE && link->mtu > ETH_DATA_LEN &&
	    (r == -EINVAL || r == -ERANGE))
		return err_set(err, r,
			       "%s: the driver refuses native XDP, perhaps for the MTU of %u: %s",
			       link->name, link->mtu, strerror(-r));
	if (r < 0)
		return err_load(err, r, link);
	return 0;
}

/* Without a dispatcher: one atomic exchange, which fails if the program there is no longer @old_id.
 */
static int replace_alone(const struct pins *pins, const struct link *link, uint32_t counters_slot,
			 enum xdp_attach_mode mode, uint32_t old_id, struct err *err)
{
	_cleanup_(cleanup_skeleton) struct l2resp_bpf *skeleton = NULL;
	_cleanup_close_ int old_fd = bpf_prog_get_fd_by_id(old_id);
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = old_fd);
	uint32_t flags = XDP_FLAGS_REPLACE |
			 (mode == XDP_MODE_SKB ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
	int r;

	if (old_fd < 0)
		return err_set(err, negative_errno(), "%s: opening program %u: %s", link->name,
			       old_id, strerror(errno));
	r = skeleton_open(pins, link, counters_slot, &skeleton, err);
	if (r < 0)
		return r;
	r = l2resp_bpf__load(skeleton);
	if (r < 0)
		return err_load(err, r, link);
	r = bpf_xdp_attach(link->ifindex, bpf_program__fd(skeleton->progs.xdp_l2resp), flags,
			   &opts);
	if (r < 0)
		return err_set(err, r, "%s: replacing program %u: %s", link->name, old_id,
			       strerror(-r));
	return 0;
}

/* Takes program @id out of whatever is on @link. */
static int detach_id(const struct link *link, uint32_t id, enum xdp_attach_mode mode, bool chain,
		     struct err *err)
{
	_cleanup_(cleanup_program) struct xdp_program *prog = NULL;
	int r;

	if (!chain) {
		_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);
		LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = fd);

		if (fd < 0)
			return err_set(err, negative_errno(), "%s: opening program %u: %s",
				       link->name, id, strerror(errno));
		r = bpf_xdp_detach(link->ifindex,
				   XDP_FLAGS_REPLACE | (mode == XDP_MODE_SKB ? XDP_FLAGS_SKB_MODE
									     : XDP_FLAGS_DRV_MODE),
				   &opts);
	} else {
		prog = xdp_program__from_id(id);
		r = libxdp_get_error(prog);
		if (r < 0)
			prog = NULL;
		else
			r = xdp_program__detach(prog, link->ifindex, mode, 0);
	}
	if (r < 0)
		return err_set(err, r, "%s: detaching program %u: %s", link->name, id,
			       strerror(-r));
	return 0;
}

static bool mode_matches(enum attach_mode wanted, enum xdp_attach_mode in_force)
{
	return wanted == ATTACH_MODE_AUTO ||
	       (wanted == ATTACH_MODE_SKB) == (in_force == XDP_MODE_SKB);
}

/* Loads and verifies the program for @link, and lets it go. */
static int attach_rehearse(const struct pins *pins, const struct link *link, struct err *err)
{
	_cleanup_(cleanup_skeleton) struct l2resp_bpf *skeleton = NULL;
	int r = skeleton_open(pins, link, 0, &skeleton, err);

	if (r < 0)
		return r;
	r = l2resp_bpf__load(skeleton);
	return r < 0 ? err_load(err, r, link) : 0;
}

int attach_link(const struct pins *pins, const struct link *link, uint32_t counters_slot,
		const struct attach_options *options, struct attach_outcome *ret_outcome,
		struct err *err)
{
	struct attach_outcome outcome = { .result = ATTACH_NEW };
	struct attach_state state;
	enum xdp_attach_mode mode;
	int r, old;

	r = attach_query(link->ifindex, pins_map_id(pins, PINS_COUNTERS), &state, err);
	if (r < 0)
		return r;
	old = attach_find(&state, true);
	if (state.count && !state.chain && old < 0)
		return err_set(
			err, -EBUSY,
			"%s: another XDP program (id %u, \"%s\") is attached without a dispatcher; "
			"detach it first or reload it with xdp-loader",
			link->name, state.prog[0].id, state.prog[0].name);
	if (state.count && !mode_matches(options->mode, state.mode))
		return err_set(
			err, -EBUSY,
			"%s: XDP runs in %s mode there, and an interface has one mode at a time; "
			"detach first to change it",
			link->name, attach_mode_name(state.mode));
	if (options->dry_run) {
		outcome.result = ATTACH_DRY_RUN;
		r = attach_rehearse(pins, link, err);
	} else if (old >= 0 && !state.chain) {
		outcome.result = ATTACH_REPLACED;
		r = replace_alone(pins, link, counters_slot, state.mode, state.prog[old].id, err);
	} else {
		if (old >= 0)
			outcome.result = ATTACH_REPLACED;
		mode = state.count			  ? state.mode
		       : options->mode == ATTACH_MODE_SKB ? XDP_MODE_SKB
							  : XDP_MODE_NATIVE;
		r = attach_new(pins, link, counters_slot, options->priority, mode, err);
		if (r == -EOPNOTSUPP && options->mode == ATTACH_MODE_AUTO && !state.count) {
			outcome.skb_fallback = true;
			r = attach_new(pins, link, counters_slot, options->priority, XDP_MODE_SKB,
				       err);
		}
		/* the new one answers already; now the old one may go */
		if (!r && old >= 0)
			r = detach_id(link, state.prog[old].id, state.mode, true, err);
	}
	if (r < 0)
		return r;
	*ret_outcome = outcome;
	return 0;
}

int attach_remove(const struct pins *pins, const struct link *link, struct err *err)
{
	uint32_t counters_id = pins ? pins_map_id(pins, PINS_COUNTERS) : 0;
	struct attach_state state;
	int r, ours;

	r = attach_query(link->ifindex, counters_id, &state, err);
	if (r < 0)
		return r;
	ours = attach_find(&state, true);
	if (ours < 0)
		return err_set(err, -ENOENT, "%s: not attached", link->name);
	return detach_id(link, state.prog[ours].id, state.mode, state.chain, err);
}
