// SPDX-License-Identifier: GPL-2.0-or-later
#include "attach_state.h"
#include "device_table.h"
#include "lift.h"

/* VLAN devices from which the program was detached. */
struct lifted {
	unsigned int count;
	struct {
		struct link link;
		uint32_t counters_slot;
		unsigned int priority;
	} list[L2RESP_MAX_DEVICES];
};

static int lift_one(const struct pins *pins, const struct device_row *row, struct lifted *lifted,
		    struct err *err)
{
	struct attach_state state;
	int r = attach_query(pins_maps(pins), row->ifindex, &state, err), ours;

	ours = r < 0 ? -1 : attach_find(&state, false);
	if (ours >= 0)
		r = attach_remove(pins_maps(pins), &row->link, err);
	if (ours < 0 || r < 0)
		return r < 0 && link_is_gone(row->ifindex) ? 0 : r;
	lifted->list[lifted->count].link = row->link;
	lifted->list[lifted->count].counters_slot = row->counters_slot;
	lifted->list[lifted->count++].priority =
		state.chain ? state.prog[ours].priority : ATTACH_KEEP_PRIORITY;
	return 0;
}

static int lift(const struct pins *pins, const struct link *link, struct lifted *lifted,
		struct err *err)
{
	struct device_table devices;
	int r;

	lifted->count = 0;
	if (!pins || pins->maps.fd[MAPS_DEVICES] < 0)
		return 0;
	r = device_read_all(pins, &devices, err);
	for (unsigned int i = 0; i < devices.count && !r; i++) {
		const struct device_row *row = &devices.rows[i];

		if (!row->gone && row->link.xdp_id && link_is_vlan(&row->link) &&
		    row->link.parent_nsid < 0 && row->link.parent == link->ifindex)
			r = lift_one(pins, row, lifted, err);
	}
	return r;
}

/* Attaches the program again. Returns @r or, if that is 0, the first error. */
static int lower(const struct pins *pins, const struct lifted *lifted, int r, struct err *err)
{
	for (unsigned int i = 0; i < lifted->count; i++) {
		const struct attach_options options = { .mode = ATTACH_MODE_SKB,
							.priority = lifted->list[i].priority };
		struct attach_outcome outcome;
		struct err ignored;
		int failed = attach_link(pins_maps(pins), &lifted->list[i].link,
					 lifted->list[i].counters_slot, &options, &outcome,
					 r < 0 ? &ignored : err);

		if (failed && !link_is_gone(lifted->list[i].link.ifindex))
			r = r ?: failed;
	}
	return r;
}

int lift_attach(const struct pins *pins, const struct link *link, uint32_t counters_slot,
		const struct attach_options *options, struct attach_outcome *ret_outcome,
		struct err *err)
{
	struct lifted lifted = {};
	int r = options->dry_run ? 0 : lift(pins, link, &lifted, err), attached;
	struct err ignored;

	if (!r)
		r = attach_link(pins_maps(pins), link, counters_slot, options, ret_outcome, err);
	attached = !r;
	r = lower(pins, &lifted, r, err);
	if (r < 0 && attached && ret_outcome->result == ATTACH_NEW)
		attach_remove(pins_maps(pins), link, &ignored);
	return r;
}

int lift_remove(const struct pins *pins, const struct link *link, struct err *err)
{
	struct lifted lifted;
	int r = lift(pins, link, &lifted, err);

	if (!r)
		r = attach_remove(pins_maps(pins), link, err);
	return lower(pins, &lifted, r, err);
}
