// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>

#include "adopt.h"
#include "cleanup.h"
#include "device_table.h"
#include "entry.h"
#include "pins_meta.h"
#include "pins_swap.h"
#include "vlan.h"

/* Makes the rows ones of the link that has their interface's name here; drops rows without one. */
static void renumber_rows(struct entry_table *table, const struct device_table *devices)
{
	size_t kept = 0;

	for (size_t i = 0; i < table->count; i++) {
		struct entry_row row = table->rows[i];
		const struct device_row *device = device_find(devices, row.key.ifindex);

		if (!device || !device->link.ifindex)
			continue;
		entry_renumber(&row, &device->link);
		table->rows[kept++] = row;
	}
	table->count = kept;
}

/*
 * Rewrites addresses and records with the ifindex that their interface's name has here. Writes the
 * addresses into new maps and swaps them in, so that a kill loses none.
 */
static int renumber(struct pins *pins, size_t *ret_dropped, struct err *err)
{
	_cleanup_(entry_table_free) struct entry_table entries = {};
	_cleanup_(cleanup_responders) int fds[PINS_FAMILIES] = { -1, -1 };
	struct device_table devices;
	size_t before;
	int r = entry_read_all(pins, 0, &entries, err);

	if (!r)
		r = device_read_recorded(pins, &devices, err);
	for (unsigned int i = 0; !r && i < devices.count; i++) {
		r = link_by_name(devices.rows[i].name, &devices.rows[i].link, err);
		if (r == -ENODEV)
			r = 0;
	}
	if (r < 0)
		return r;
	before = entries.count;
	renumber_rows(&entries, &devices);
	/* the recorded filters were set in the other namespace */
	r = filter_forget(pins, 0, err);
	if (!r)
		r = pins_create_responders(pins->room, fds, err);
	if (!r)
		r = responder_write_table(fds, &entries, err);
	if (!r)
		r = pins_swap_responders(pins, fds, err);
	if (r < 0)
		return r;
	for (unsigned int i = 0; i < devices.count; i++)
		device_forget(pins, devices.rows[i].ifindex, err);
	for (unsigned int i = 0; i < devices.count && !r; i++)
		if (devices.rows[i].link.ifindex)
			r = device_write(pins, &devices.rows[i].link, devices.rows[i].counters_slot,
					 err);
	*ret_dropped = before - entries.count;
	return r;
}

int adopt_pins(struct pins *pins, filter_note_fn *note, struct err *err)
{
	size_t dropped = 0;
	int r;

	if (!pins->orphaned)
		return 0;
	r = renumber(pins, &dropped, err);
	/* the rows' numbers, too, mean other interfaces here */
	if (!r)
		r = vlan_sync(pins, err);
	if (!r)
		r = pins_adopt(pins, err);
	if (r < 0)
		return r;
	filter_sync_all(pins, note);
	note("took over the pins of a network namespace in which nothing is attached; %zu "
	     "addresses of interfaces that aren't here were dropped",
	     dropped);
	return 0;
}
