// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "attach_state.h"
#include "cleanup.h"
#include "denied.h"
#include "dispatcher.h"
#include "link.h"
#include "origin.h"
#include "prog.h"

static void cleanup_multiprog(struct xdp_multiprog **multiprog)
{
	xdp_multiprog__close(*multiprog);
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

int attach_reads_others(const struct maps *maps, uint32_t id)
{
	/* the others are used by commands only */
	static const enum maps_index read[] = {
		MAPS_LEASES, MAPS_CONFLICTS,	 MAPS_VLANS,	    MAPS_EVENTS,
		MAPS_TRACE,  MAPS_TRACE_CONTROL, MAPS_RESPONDER_V4, MAPS_RESPONDER_V6,
	};

	for (size_t i = 0; i < sizeof(read) / sizeof(read[0]); i++) {
		int r = maps->fd[read[i]] < 0 ? 0 : prog_id_uses_map(id, maps_id(maps, read[i]));

		if (r <= 0)
			return r < 0 ? r : 1;
	}
	return 0;
}

/* *ret_stale: why program @id must be attached to @ifindex again; NULL: it needn't. */
static int find_stale(const struct maps *maps, uint32_t id, unsigned int ifindex,
		      const char **ret_stale)
{
	uint32_t loaded_for = ifindex;
	int r = attach_reads_others(maps, id);

	/* a growth was interrupted, or somebody replaced or removed the pin */
	if (r > 0)
		*ret_stale = "reads a map that isn't pinned";
	if (r)
		return r < 0 ? r : 0;
	/* a device keeps its program when it moves to another namespace, and may get another
	 * index */
	r = prog_attached_ifindex(id, &loaded_for);
	if (loaded_for != ifindex)
		*ret_stale = "was loaded for another interface index";
	return r;
}

/* True if program @id is ours, and of another network namespace. */
static bool came_moved(uint32_t id)
{
	uint64_t served, own;
	struct err ignored;

	return !prog_netns_cookie(id, &served) && !link_netns_cookie(&own, &ignored) &&
	       served != own;
}

/* True if dispatcher @id has only such programs. libxdp finds its pins by the interface's former
 * index, in the former mount namespace. */
static bool dispatcher_came_moved(uint32_t id)
{
	uint32_t link_id = 0, program;
	int r;

	while ((r = prog_next_extension(id, &link_id, &program)) > 0)
		if (!came_moved(program))
			return false;
	return !r;
}

static enum attach_orphan find_orphan(uint32_t id, const struct pins_origin *origin)
{
	/* its pins don't matter: commands of their namespace don't see the interface any more */
	if (came_moved(id))
		return ATTACH_CAME_MOVED;
	return origin_alive(origin, id) ? ATTACH_NO_ORPHAN : ATTACH_PINS_GONE;
}

/* Adds a program of our name: it uses these pins, others, or pins that are gone; or isn't ours. */
static int state_add_ours(const struct maps *maps, struct attach_state *state, unsigned int i,
			  unsigned int ifindex)
{
	uint32_t id = state->prog[i].id;
	struct pins_origin origin;
	int r = 0;

	/* on a dry run there may be no pins */
	if (maps && maps->fd[MAPS_COUNTERS] >= 0)
		r = prog_id_uses_map(id, maps_id(maps, MAPS_COUNTERS));

	if (r > 0) {
		state->prog[i].ours = true;
		r = find_stale(maps, id, ifindex, &state->prog[i].stale);
	} else if (!r) {
		r = prog_pins_origin(id, &origin);
		if (!r)
			state->prog[i].orphan = find_orphan(id, &origin);
		/* the pins are there, but can't be opened */
		if (!r && !state->prog[i].orphan && maps && maps->fd[MAPS_COUNTERS] < 0 &&
		    !strcmp(origin.dir, maps->dir))
			state->prog[i].ours = true;
		else if (!r && !state->prog[i].orphan)
			memcpy(state->prog[i].elsewhere, origin.dir, sizeof(origin.dir));
	}
	return r < 0 && r != -ENOENT ? r : 0;
}

static int state_add(const struct maps *maps, const struct xdp_program *prog, unsigned int ifindex,
		     struct attach_state *state, struct err *err)
{
	unsigned int i = state->count;
	uint32_t id = xdp_program__id(prog);
	int r = 0;

	if (i == ATTACH_MAX_PROGS)
		return 0;
	state->prog[i].id = id;
	state->prog[i].priority = xdp_program__run_prio(prog);
	snprintf(state->prog[i].name, sizeof(state->prog[i].name), "%s",
		 xdp_program__name(prog) ?: "");
	/* libbpf omits the name if its probe of the kernel failed */
	if (!strcmp(state->prog[i].name, PROG_NAME) || !*state->prog[i].name)
		r = state_add_ours(maps, state, i, ifindex);
	state->count++;
	return r < 0 ? err_set(err, r, "asking for program %u: %s", id, strerror(-r)) : 0;
}

static int multiprog_get(unsigned int ifindex, struct xdp_multiprog **ret_multiprog,
			 struct err *err)
{
	struct xdp_multiprog *multiprog = xdp_multiprog__get_from_ifindex(ifindex);
	int r = libxdp_get_error(multiprog);

	*ret_multiprog = NULL;
	if (r == -ENOENT)
		return 0;
	if (r == -EOPNOTSUPP)
		return r;
	if (r < 0)
		return denied_add(err,
				  err_set(err, r, "asking for the XDP programs of interface %u: %s",
					  ifindex, strerror(-r)));
	*ret_multiprog = multiprog;
	return 0;
}

/* Reads a dispatcher of another libxdp version, which this one can't read. */
static int query_other_version(unsigned int ifindex, struct attach_state *state, struct err *err)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, opts);
	int r = bpf_xdp_query(ifindex, 0, &opts);

	if (r < 0)
		return err_set(err, r, "asking for the XDP program of interface %u: %s", ifindex,
			       strerror(-r));
	state->mode = opts.attach_mode == XDP_ATTACHED_SKB ? XDP_MODE_SKB : XDP_MODE_NATIVE;
	state->dispatcher = state->other_version = true;
	if (!prog_is_extended(opts.prog_id)) {
		state->empty_id = opts.prog_id;
	} else {
		state->prog[0].id = opts.prog_id;
		strcpy(state->prog[0].name, DISPATCHER_NAME);
		state->count = 1;
	}
	return 0;
}

/* True if libxdp's pins of dispatcher @id exist, so that libxdp should have read it. */
static bool dispatcher_pinned(unsigned int ifindex, uint32_t id)
{
	char path[sizeof(DISPATCHER_BPFFS "/xdp/dispatch--") + 20];

	snprintf(path, sizeof(path), DISPATCHER_BPFFS "/xdp/dispatch-%u-%u", ifindex, id);
	return !access(path, F_OK);
}

static int err_unread(unsigned int ifindex, struct err *err)
{
	int r = dispatcher_check_pins(err);

	if (r < 0)
		return r;
	return err_set(err, -EAGAIN,
		       "interface %u: libxdp couldn't read the XDP programs there; try again",
		       ifindex);
}

/* A dispatcher whose programs libxdp doesn't find. */
static int add_lost_dispatcher(const struct maps *maps, struct xdp_program *dispatcher,
			       unsigned int ifindex, struct attach_state *state, struct err *err)
{
	const uint32_t id = xdp_program__id(dispatcher);
	bool empty = !prog_is_extended(id);

	if (!empty && dispatcher_pinned(ifindex, id))
		return err_unread(ifindex, err);
	state->came_moved = !empty && dispatcher_came_moved(id);
	if (!empty && !state->came_moved)
		return state_add(maps, dispatcher, ifindex, state, err);
	state->empty_id = id;
	return 0;
}

int attach_query(const struct maps *maps, unsigned int ifindex, struct attach_state *ret_state,
		 struct err *err)
{
	_cleanup_(cleanup_multiprog) struct xdp_multiprog *multiprog = NULL;
	struct attach_state state = {};
	int r = multiprog_get(ifindex, &multiprog, err);

	if (r == -EOPNOTSUPP)
		r = query_other_version(ifindex, &state, err);
	if (r < 0)
		return r;
	if (multiprog) {
		struct xdp_program *prog = NULL;

		state.mode = xdp_multiprog__attach_mode(multiprog);
		state.chain = !xdp_multiprog__is_legacy(multiprog);
		prog = xdp_multiprog__main_prog(multiprog);
		/* libxdp omits a program, or its id, if it couldn't read the BTF */
		if (prog ? !xdp_program__id(prog) : !xdp_multiprog__hw_prog(multiprog))
			return err_unread(ifindex, err);
		state.dispatcher = prog && !strcmp(xdp_program__name(prog) ?: "", DISPATCHER_NAME);
		if (!state.chain && state.dispatcher)
			r = add_lost_dispatcher(maps, prog, ifindex, &state, err);
		else if (!state.chain)
			r = state_add(maps, prog, ifindex, &state, err);
		else
			for (prog = NULL;
			     r >= 0 && (prog = xdp_multiprog__next_prog(prog, multiprog));)
				r = xdp_program__id(prog)
					    ? state_add(maps, prog, ifindex, &state, err)
					    : err_unread(ifindex, err);
		if (r < 0)
			return r;
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

unsigned int attach_count(const struct attach_state *state)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < state->count; i++)
		count += state->prog[i].ours || state->prog[i].orphan;
	return count;
}

bool attach_is_current(const struct attach_state *state)
{
	for (unsigned int i = 0; i < state->count; i++)
		if (state->prog[i].ours && state->prog[i].stale)
			return false;
	return attach_find(state, false) >= 0;
}
