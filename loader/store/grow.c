// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>
#include <net/if.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <linux/membarrier.h>

#include "attach.h"
#include "attach_moved.h"
#include "attach_state.h"
#include "change.h"
#include "cleanup.h"
#include "device_table.h"
#include "grow.h"
#include "lift.h"
#include "pins_meta.h"
#include "pins_swap.h"
#include "prog.h"
#include "remover.h"
#include "responder.h"

/* Swaps the program on @ifindex if it reads another map of addresses than the pinned one. */
static int swap_program(const struct pins *pins, const struct device_row *device, struct err *err)
{
	const struct attach_options keep = { .mode = ATTACH_MODE_AUTO,
					     .priority = ATTACH_KEEP_PRIORITY };
	struct attach_outcome outcome;
	struct attach_state state;
	struct link link;
	int r = attach_query(pins_maps(pins), device->ifindex, &state, err);

	if (!r && (attach_find(&state, false) < 0 || attach_is_current(&state)))
		return 0;
	if (!r)
		r = link_by_ifindex(device->ifindex, &link, err);
	if (!r)
		r = lift_attach(pins, &link, device->counters_slot, &keep, &outcome, err);
	return r < 0 && link_is_gone(device->ifindex) ? 0 : r;
}

/* True also if that can't be found out. */
static bool is_pinned(const struct pins *pins, enum maps_index map, int fd)
{
	uint32_t id = maps_id_of(fd), pinned = pins_map_id(pins, map);

	return !id || !pinned || id == pinned;
}

/* The program of an interface that has left the network namespace can't be swapped: removes the
 * interface's entries from the maps that it still reads, where no command would find them. */
static int silence_moved(const struct pins *pins, uint32_t ifindex, struct err *err)
{
	_cleanup_(cleanup_responders) int fds[PINS_FAMILIES] = { -1, -1 };
	_cleanup_(entry_table_free) struct entry_table entries = {};
	struct attach_moved moved = attach_find_moved(pins_maps(pins), ifindex);
	int unpinned[PINS_FAMILIES] = { -1, -1 };
	int r = 0;

	for (int family = 0; moved.stale && family < PINS_FAMILIES; family++) {
		const enum maps_index map = MAPS_RESPONDER_V4 + family;

		fds[family] = prog_map_open(moved.prog_id, maps_name(map));
		/* the program has ended meanwhile */
		if (fds[family] < 0)
			return 0;
		if (!is_pinned(pins, map, fds[family]))
			unpinned[family] = fds[family];
	}
	if (moved.stale)
		r = responder_read_all(unpinned, ifindex, &entries, err);
	return r < 0 ? r : remover_remove_table(fds, &entries, err);
}

/* Swaps the program on each interface where it reads another map of addresses than the pinned one.
 */
static int swap_programs(const struct pins *pins, struct err *err)
{
	struct device_table devices;
	int r = device_read_all(pins, &devices, err);

	for (unsigned int i = 0; i < devices.count && !r; i++)
		if (!devices.rows[i].gone)
			r = swap_program(pins, &devices.rows[i], err);
	/* then: this isn't undone if a swap fails, and an interface may have left meanwhile */
	for (unsigned int i = 0; i < devices.count && !r; i++)
		if (devices.rows[i].gone || link_is_gone(devices.rows[i].ifindex))
			r = silence_moved(pins, devices.rows[i].ifindex, err);
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

/* Records @link, which has no record, if it runs the program. */
static int record_attached(const struct pins *pins, const struct link *link, struct err *err)
{
	struct attach_state state;
	int r = attach_query(pins_maps(pins), link->ifindex, &state, err);
	int ours = r < 0 ? -1 : attach_find(&state, false);
	uint32_t counters_slot;

	if (ours < 0 || prog_counters_slot(state.prog[ours].id, &counters_slot) < 0)
		return r;
	return device_write(pins, link, counters_slot, err);
}

/* After somebody removed the pin of the records, they are made anew of what is attached. */
static int record_all_attached(const struct pins *pins, struct err *err)
{
	struct if_nameindex *names = if_nameindex();
	struct device_table devices;
	int r = device_read_recorded(pins, &devices, err);

	if (!names)
		return err_set(err, negative_errno(), "listing the interfaces: %s",
			       strerror(errno));
	for (size_t i = 0; names[i].if_index && !r; i++) {
		struct link link;

		if (device_find(&devices, names[i].if_index))
			continue;
		r = link_by_ifindex(names[i].if_index, &link, err);
		if (!r && link.xdp_id)
			r = record_attached(pins, &link, err);
		if (r == -ENODEV) /* deleted meanwhile */
			r = 0;
	}
	if_freenameindex(names);
	return r;
}

int grow_settle(struct pins *pins, struct err *err)
{
	int r;

	if (!pins->unsettled)
		return 0;
	r = record_all_attached(pins, err);
	if (!r)
		r = swap_programs(pins, err);
	return r < 0 ? r : pins_set_unsettled(pins, false, err);
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

int grow_responders(struct pins *pins, const uint32_t room[PINS_FAMILIES], struct err *ret_warning,
		    struct err *err)
{
	/* the new maps; swap_responders() replaces them by the old ones */
	_cleanup_(cleanup_responders) int fds[PINS_FAMILIES] = { -1, -1 };
	_cleanup_(entry_table_free) struct entry_table copied = {};
	int from[PINS_FAMILIES] = { -1, -1 };
	uint32_t more[PINS_FAMILIES] = {};
	bool before = pins->unsettled;
	struct err ignored, late;
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
	if (r < 0) {
		swap_responders(pins, fds, &ignored);
		grow_settle(pins, &ignored);
	}
	/* Once settled, the new maps stay: the agent may have deleted entries from them for good.
	 */
	if (add_late_answers(pins, fds, &copied, &late) < 0 && !r)
		err_write(ret_warning,
			  "the answers sent while the maps grew are missing in the counts: %s",
			  late.text);
	return r;
}
