// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <xdp/libxdp.h>

#include "attach.h"
#include "attach_state.h"
#include "cleanup.h"
#include "dispatcher.h"
#include "object.h"
#include "prog.h"
#include "refusal.h"
#include "xdp_features.h"

#define PROG_SECTION "xdp.frags"
#define NOT_OFFERED  "the driver offers no native XDP as it is configured"

static bool log_verbose;

static int log_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	va_list copy;

	va_copy(copy, args);
	refusal_listen(format, copy);
	va_end(copy);
	return log_verbose && level <= LIBBPF_INFO ? vfprintf(stderr, format, args) : 0;
}

static int log_libxdp(enum libxdp_print_level level, const char *format, va_list args)
{
	va_list copy;

	va_copy(copy, args);
	refusal_listen(format, copy);
	va_end(copy);
	return log_verbose && level <= LIBXDP_INFO ? vfprintf(stderr, format, args) : 0;
}

void attach_log_setup(bool verbose)
{
	log_verbose = verbose;
	libbpf_set_print(log_libbpf);
	libxdp_set_print(log_libxdp);
}

static void cleanup_program(struct xdp_program **program)
{
	xdp_program__close(*program);
}

/* True if the verifier has accepted the program. */
static bool is_loaded(const struct l2resp_bpf *skeleton)
{
	return bpf_program__fd(skeleton->progs.xdp_l2resp) >= 0;
}

/*
 * Without a dispatcher: one atomic exchange, which fails if the attached program is not @old_id,
 * or, if @old_id is 0, if there is one.
 */
static int attach_alone(const struct maps *maps, const struct link *link, uint32_t counters_slot,
			enum xdp_attach_mode mode, uint32_t old_id, struct err *err)
{
	_cleanup_(object_close) struct l2resp_bpf *skeleton = NULL;
	_cleanup_close_ int old_fd = old_id ? bpf_prog_get_fd_by_id(old_id) : -1;
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = old_fd);
	uint32_t flags = (old_id ? XDP_FLAGS_REPLACE : XDP_FLAGS_UPDATE_IF_NOEXIST) |
			 (mode == XDP_MODE_SKB ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
	int r;

	if (old_id && old_fd < 0)
		return err_set(err, negative_errno(), "%s: opening program %u: %s", link->name,
			       old_id, strerror(errno));
	r = object_open(maps, link, counters_slot, &skeleton, err);
	if (r < 0)
		return r;
	r = l2resp_bpf__load(skeleton);
	if (r < 0)
		return refusal_err_load(err, r, link);
	refusal_forget();
	r = bpf_xdp_attach(link->ifindex, bpf_program__fd(skeleton->progs.xdp_l2resp), flags,
			   old_id ? &opts : NULL);
	return r < 0 ? refusal_err_attach(err, r, link, mode, REFUSAL_AT_HOOK) : 0;
}

/* Checks that libbpf passes program names to the kernel: libxdp finds its dispatcher by name. */
static int check_names(const struct link *link, struct err *err)
{
	int r = prog_names_kept();

	if (r == -EAGAIN)
		return err_set(err, r,
			       "%s: can't find out whether the kernel supports program names, by "
			       "which libxdp finds its dispatcher; try again",
			       link->name);
	return r < 0 ? refusal_err_load(err, r, link) : 0;
}

/* One attempt in one mode, beside other programs if @chain. libxdp loads the program as it
 * attaches, so each attempt starts from a fresh object. */
static int attach_new(const struct maps *maps, const struct link *link, uint32_t counters_slot,
		      unsigned int priority, enum xdp_attach_mode mode, bool chain, struct err *err)
{
	_cleanup_(object_close) struct l2resp_bpf *skeleton = NULL;
	_cleanup_(cleanup_program) struct xdp_program *prog = NULL;
	char detail[64];
	int r = dispatcher_find();

	/* without the dispatcher libxdp can't attach even a first program */
	if (r < 0 && chain)
		return err_set(err, r, "%s: libxdp can't open its %s: %s", link->name,
			       DISPATCHER_OBJECT, dispatcher_error_text(r, detail, sizeof(detail)));
	if (r < 0)
		return attach_alone(maps, link, counters_slot, mode, 0, err);
	r = chain ? dispatcher_check_pins(err) : 0;
	r = r ?: check_names(link, err);
	if (r < 0)
		return r;
	r = object_open(maps, link, counters_slot, &skeleton, err);
	if (r < 0)
		return r;
	prog = xdp_program__from_bpf_obj(skeleton->obj, PROG_SECTION);
	r = libxdp_get_error(prog);
	if (r < 0) {
		prog = NULL;
		return err_set(err, r, "opening the built-in BPF object: %s", strerror(-r));
	}
	/* libxdp ignores xdp.frags in the section's name; the dispatcher needs the flag too */
	r = xdp_program__set_xdp_frags_support(prog, true);
	if (r < 0)
		return err_set(err, r, "setting the flag for frames in several buffers: %s",
			       strerror(-r));
	r = xdp_program__set_run_prio(prog, priority);
	if (r < 0)
		return err_set(err, r, "setting priority %u: %s", priority, strerror(-r));
	refusal_forget();
	r = xdp_program__attach(prog, link->ifindex, mode, 0);
	if (chain && (r == -E2BIG || r == -ENOSPC) && refusal_stage(true) != REFUSAL_AT_HOOK)
		return err_set(err, r,
			       "%s: the dispatcher has no room for another program (%d at most)",
			       link->name, ATTACH_MAX_PROGS);
	return r < 0 ? refusal_err_attach(err, r, link, mode, refusal_stage(is_loaded(skeleton)))
		     : 0;
}

/* Detaches program @id from @link. */
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
		r = dispatcher_check_pins(err) ?: check_names(link, err);
		if (r < 0)
			return r;
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

/* Kinds of device on which native XDP shouldn't run. */
struct no_native {
	const char *kind;
	const char *reason;
	bool auto_skb; /* auto mode uses skb, with a note; else auto is refused like native */
};

static const struct no_native no_native[] = {
	{ "vlan", "native XDP runs on the parent only", false },
	/* a broadcast comes in on every slave, of an active-backup bond too */
	{ "bond", "native XDP runs on the slaves, and each would answer a broadcast", true },
};

static const struct no_native tag_hidden = { "vlan", "XDP on its parent doesn't see VLAN tags",
					     true };

static const struct no_native *find_no_native(const struct link *link)
{
	if (link_parent_hides_tags(link))
		return &tag_hidden;
	for (size_t i = 0; i < sizeof(no_native) / sizeof(no_native[0]); i++)
		if (!strcmp(link->kind, no_native[i].kind))
			return &no_native[i];
	return NULL;
}

const char *attach_no_native_reason(const struct link *link)
{
	const struct no_native *found = find_no_native(link);

	return found ? found->reason : NULL;
}

/*
 * Checks that the program may be attached to @link beside the programs in @state, and chooses the
 * mode to try first. *ret_skb_reason: why it is skb although @requested is auto, else NULL.
 */
static int choose_mode(const struct link *link, const struct attach_state *state,
		       enum attach_mode requested, enum xdp_attach_mode *ret_mode,
		       const char **ret_skb_reason, struct err *err)
{
	enum xdp_attach_mode mode = requested == ATTACH_MODE_SKB ? XDP_MODE_SKB : XDP_MODE_NATIVE;
	const struct no_native *found = mode == XDP_MODE_SKB ? NULL : find_no_native(link);

	*ret_skb_reason = NULL;
	/* programs are attached: auto keeps their mode */
	if (found && (requested == ATTACH_MODE_NATIVE || !state->count)) {
		if (requested == ATTACH_MODE_NATIVE || !found->auto_skb)
			return refusal_err_kind(err, link, found->reason);
		mode = XDP_MODE_SKB;
		*ret_skb_reason = found->reason;
	}
	if (refusal_elsewhere(err, link, state))
		return -EBUSY;
	if (state->count && state->other_version)
		return err_set(err, -EBUSY,
			       "%s: a dispatcher (id %u) of another libxdp version runs programs "
			       "there; detach it first, with what attached it",
			       link->name, state->prog[0].id);
	if (state->count && !state->chain && state->dispatcher)
		return err_set(err, -EBUSY,
			       "%s: a dispatcher (id %u) runs programs there whose pins aren't "
			       "below " DISPATCHER_BPFFS
			       "; attach where they are, or detach it first",
			       link->name, state->prog[0].id);
	if (state->count && !state->chain && attach_find(state, true) < 0)
		return refusal_err_foreign(err, link, state);
	if (state->count && mode != state->mode && requested != ATTACH_MODE_AUTO)
		return err_set(
			err, -EBUSY,
			"%s: XDP runs in %s mode there, and an interface has one mode at a time; "
			"detach first to change it",
			link->name, attach_mode_name(state->mode));
	*ret_mode = state->count ? state->mode : mode;
	return 0;
}

/* True if the driver's feature flags (since Linux 6.3) lack native XDP. For a dry run: only an
 * attach shows other reasons why a driver refuses it. */
static bool native_is_missing(const struct link *link)
{
	bool native = false;

	return !xdp_features_native(link->ifindex, &native) && !native;
}

/* Loads and verifies the program for @link, then unloads it. */
static int attach_rehearse(const struct maps *maps, const struct link *link, struct err *err)
{
	_cleanup_(object_close) struct l2resp_bpf *skeleton = NULL;
	int r = object_open(maps, link, 0, &skeleton, err);

	if (r < 0)
		return r;
	r = l2resp_bpf__load(skeleton);
	return r < 0 ? refusal_err_load(err, r, link) : 0;
}

/* Detaches all our programs in @state from @link. */
static int detach_ours(const struct link *link, const struct attach_state *state, struct err *err)
{
	int r = 0;

	for (unsigned int i = 0; i < state->count && !r; i++)
		if (state->prog[i].ours || state->prog[i].orphan)
			r = detach_id(link, state->prog[i].id, state->mode, state->chain, err);
	return r;
}

static bool has_program(const struct attach_state *state, uint32_t id)
{
	for (unsigned int i = 0; i < state->count; i++)
		if (state->prog[i].id == id)
			return true;
	return false;
}

/* Attaches the new program, then detaches ours in @before, so that one of them always answers. */
static int replace_in_chain(const struct maps *maps, const struct link *link,
			    uint32_t counters_slot, unsigned int priority,
			    const struct attach_state *before, struct err *err)
{
	struct attach_state state;
	struct err ignored;
	int r = attach_new(maps, link, counters_slot, priority, before->mode, true, err);

	if (r < 0)
		return r;
	r = detach_ours(link, before, err);
	if (r < 0 && !attach_query(maps, link->ifindex, &state, &ignored))
		/* only one of ours may stay: detach the new one */
		for (unsigned int i = 0; i < state.count; i++)
			if (state.prog[i].ours && !has_program(before, state.prog[i].id))
				detach_id(link, state.prog[i].id, state.mode, true, &ignored);
	return r;
}

int attach_check(const struct maps *maps, const struct link *link,
		 const struct attach_options *options, struct err *err)
{
	struct attach_state state;
	enum xdp_attach_mode mode;
	const char *skb_reason;
	int r = attach_query(maps, link->ifindex, &state, err);

	return r < 0 ? r : choose_mode(link, &state, options->mode, &mode, &skb_reason, err);
}

int attach_link(const struct maps *maps, const struct link *link, uint32_t counters_slot,
		const struct attach_options *options, struct attach_outcome *ret_outcome,
		struct err *err)
{
	struct attach_outcome outcome = { .result = ATTACH_NEW };
	struct attach_state state;
	enum xdp_attach_mode mode = XDP_MODE_UNSPEC;
	unsigned int priority = options->priority;
	const char *skb_reason;
	int r, old;

	r = attach_query(maps, link->ifindex, &state, err);
	if (!r)
		r = choose_mode(link, &state, options->mode, &mode, &skb_reason, err);
	if (r < 0)
		return r;
	old = attach_find(&state, true);
	if (old >= 0)
		outcome.old_priority = state.prog[old].priority;
	if (priority == ATTACH_KEEP_PRIORITY)
		priority = old >= 0 && state.chain ? outcome.old_priority : ATTACH_DEFAULT_PRIORITY;
	if (options->dry_run) {
		outcome.result = ATTACH_DRY_RUN;
		r = attach_rehearse(maps, link, err);
		if (!r && mode == XDP_MODE_NATIVE && !state.count && native_is_missing(link)) {
			if (options->mode == ATTACH_MODE_NATIVE)
				return err_set(err, -EOPNOTSUPP,
					       "%s: " NOT_OFFERED
					       "; use --mode skb, which is slower",
					       link->name);
			skb_reason = NOT_OFFERED;
		}
	} else if (old >= 0) {
		outcome.result = ATTACH_REPLACED;
		if (state.chain)
			r = replace_in_chain(maps, link, counters_slot, priority, &state, err);
		else
			r = attach_alone(maps, link, counters_slot, mode, state.prog[old].id, err);
	} else {
		if (state.empty_id)
			r = detach_id(link, state.empty_id, state.mode, false, err);
		if (r < 0)
			return r;
		r = attach_new(maps, link, counters_slot, priority, mode, state.count, err);
		if (r == -EOPNOTSUPP && options->mode == ATTACH_MODE_AUTO && !state.count) {
			snprintf(outcome.skb_reason, sizeof(outcome.skb_reason), "%s",
				 refusal_driver_reason());
			r = attach_new(maps, link, counters_slot, priority, XDP_MODE_SKB, false,
				       err);
		}
	}
	if (r < 0)
		return r;
	if (skb_reason)
		snprintf(outcome.skb_reason, sizeof(outcome.skb_reason), "%s", skb_reason);
	*ret_outcome = outcome;
	return 0;
}

int attach_remove(const struct maps *maps, const struct link *link, struct err *err)
{
	struct attach_state state;
	int r = attach_query(maps, link->ifindex, &state, err);

	if (r < 0)
		return r;
	if (state.empty_id)
		return detach_id(link, state.empty_id, state.mode, false, err);
	if (!attach_count(&state) && refusal_elsewhere(err, link, &state))
		return -EBUSY;
	if (!attach_count(&state))
		return err_set(err, -ENOENT, "%s: not attached", link->name);
	return detach_ours(link, &state, err);
}
