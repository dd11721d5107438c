// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <linux/membarrier.h>

#include "attach.h"
#include "attach_state.h"
#include "change.h"
#include "cleanup.h"
#include "device_table.h"
#include "grow.h"
#include "lift.h"
#include "pins_meta.h"
#include "pins_swap.h"
#include "responder.h"

/* Swaps the program on each interface where it reads another map of addresses than the pinned one.
 */
static int swap_programs(const struct pins *pins, struct err *err)
{
	struct device_table devices;
	int r = device_read_all(pins, &devices, err);

	for (unsigned int i = 0; i < devices.count && !r; i++) {
		const struct attach_options keep = { .mode = ATTACH_MODE_AUTO,
						     .priority = ATTACH_KEEP_PRIORITY };
		struct attach_outcome outcome;
		struct attach_state state;
		struct link link;

		if (devices.rows[i].gone)
			continue;
		r = attach_query(pins_maps(pins), devices.rows[i].ifindex, &state, err);
		if (r < 0 || attach_find(&state, false) < 0 || attach_is_current(&state))
			continue;
		r = link_by_ifindex(devices.rows[i].ifindex, &link, err);
		if (!r)
			r = lift_attach(pins, &link, devices.rows[i].counters_slot, &keep, &outcome,
					err);
	}
	return r;
}

/* Pins the maps @fds in place of the pinned ones. Sets the unsettled flag first: after a kill,
 * grow_settle() then swaps programs that still read the old ones. */
static int swap_responders(struct pins *pins, int fds[PINS_FAMILIES], struct err *err)
{
	bool before = pins->unsettled;
	struct err ignored;
	int r = pins_set_unsettled(pins, true, err);

	if (r < 0)
		return r;
	r = pins_swap_responders(pins, fds, err);
	if (r < 0)
		pins_set_unsettled(pins, before, &ignored);
	return r;
}

int grow_settle(struct pins *pins, struct err *err)
{
	int r = pins->unsettled ? swap_programs(pins, err) : 0;

	return r < 0 || !pins->unsettled ? r : pins_set_unsettled(pins, false, err);
}

/* Adds the answers that were counted in the maps @old_fds after @copied was read from them. */
static int add_late_answers(const struct pins *pins, const int old_fds[PINS_FAMILIES],
			    const struct entry_table *copied, struct err *err)
{
	_cleanup_(entry_table_free) struct entry_table now = {};
	int r;

	/* an RCU grace period: no CPU runs the old program any more */
	if (syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) < 0)
		usleep(100000); /* nohz_full kernels refuse it; a NAPI poll is shorter than this */
	r = responder_read_all(old_fds, 0, &now, err);
	return r < 0 ? r : change_add_answers(pins, copied, &now, err);
}

bool grow_needed(const struct pins *pins, const size_t count[PINS_FAMILIES],
		 uint32_t ret_room[PINS_FAMILIES])
{
	bool needed = false;

	for (int family = 0; family < PINS_FAMILIES; family++) {
		uint64_t room = pins->room[family] ?: L2RESP_FIRST_ROOM;

		while (room < count[family])
			room *= 2;
		/* the map may be larger than max_entries, which was lowered since */
		if (room > pins->max_entries && room > pins->room[family])
			room = pins->max_entries;
		needed |= room > pins->room[family];
		ret_room[family] = room;
	}
	return needed;
}

int grow_responders(struct pins *pins, const uint32_t room[PINS_FAMILIES], struct err *err)
{
	/* the new maps; swap_responders() replaces them by the old ones */
	_cleanup_(cleanup_responders) int fds[PINS_FAMILIES] = { -1, -1 };
	_cleanup_(entry_table_free) struct entry_table copied = {};
	int from[PINS_FAMILIES] = { -1, -1 };
	uint32_t more[PINS_FAMILIES] = {};
	bool before = pins->unsettled;
	struct err ignored;
	int r;

	for (int family = 0; family < PINS_FAMILIES; family++)
		if (room[family] > pins->room[family]) {
			more[family] = room[family];
			from[family] = pins_responders(pins)[family];
		}
	r = pins_create_responders(more, fds, err);
	/* before the copy, so that a deletion without the lock is repeated (leased.h) */
	if (!r)
		r = pins_set_unsettled(pins, true, err);
	if (!r)
		r = responder_read_all(from, 0, &copied, err);
	if (!r)
		r = responder_write_table(fds, &copied, err);
	if (!r)
		r = swap_responders(pins, fds, err);
	if (r < 0) {
		pins_set_unsettled(pins, before, &ignored);
		return r;
	}
	r = grow_settle(pins, err);
	if (!r)
		r = add_late_answers(pins, fds, &copied, err);
	if (r < 0) {
		swap_responders(pins, fds, &ignored);
		grow_settle(pins, &ignored);
		add_late_answers(pins, fds, &copied, &ignored);
	}
	return r;
}
