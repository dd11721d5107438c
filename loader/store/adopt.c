// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>

#include "adopt.h"
#include "cleanup.h"
#include "device.h"
#include "entry.h"
#include "pins_meta.h"
#include "remover.h"
#include "vlan.h"

/* Deletes the entries of parked records, or all others. */
static int drop(const struct pins *pins, bool parked, size_t *dropped, struct err *err)
{
	_cleanup_(entry_table_free) struct entry_table entries = {};
	size_t kept = 0;
	int r = entry_read_all(pins, 0, &entries, err);

	for (size_t i = 0; i < entries.count; i++)
		if (!(entries.rows[i].key.ifindex & DEVICE_PARKED) == !parked)
			entries.rows[kept++] = entries.rows[i];
	entries.count = kept;
	*dropped += kept;
	return r < 0 ? r : remover_remove_table(pins_responders(pins), &entries, err);
}

/* Parks all records. A kill loses none: the next call, also in another namespace, parks the rest.
 */
static int park_all(const struct pins *pins, size_t *dropped, struct err *err)
{
	struct device_table devices;
	/* the recorded filters were set in the other namespace */
	int r = filter_forget(pins, 0, err);

	if (!r)
		r = device_read_recorded(pins, &devices, err);
	for (unsigned int i = 0; !r && i < devices.count; i++)
		r = device_park(pins, &devices.rows[i], err);
	return r ?: drop(pins, false, dropped, err);
}

/* Gives the addresses of parked records to the interfaces that have their names here, and drops
 * the others. Without the latter, or after a kill, they are those of interfaces that are gone. */
static int unpark_all(const struct pins *pins, filter_note_fn *note, size_t *dropped,
		      struct err *err)
{
	struct device_recorded recorded;
	struct device_table devices;
	struct link link;
	int r = device_read_recorded(pins, &devices, err);

	for (unsigned int i = 0; !r && i < devices.count; i++) {
		r = link_by_name(devices.rows[i].name, &link, err);
		/* not one that has the name as an alternative one */
		if (!r && !strcmp(link.name, devices.rows[i].name))
			r = device_record(pins, &link, note, &recorded, err);
		else if (r == -ENODEV)
			r = 0;
	}
	if (!r)
		r = drop(pins, true, dropped, err);
	if (!r)
		r = device_read_recorded(pins, &devices, err);
	for (unsigned int i = 0; !r && i < devices.count; i++)
		if (devices.rows[i].ifindex & DEVICE_PARKED)
			r = device_forget(pins, devices.rows[i].ifindex, err);
	return r;
}

int adopt_pins(struct pins *pins, filter_note_fn *note, struct err *err)
{
	size_t dropped = 0;
	int r;

	if (!pins->orphaned)
		return 0;
	r = park_all(pins, &dropped, err);
	if (!r)
		r = pins_adopt(pins, err);
	if (!r)
		r = unpark_all(pins, note, &dropped, err);
	/* the numbers in its rows, too, mean other interfaces here */
	if (!r)
		r = vlan_sync(pins, err);
	if (r < 0)
		return r;
	filter_sync_all(pins, note);
	note("took over the pins of a network namespace in which nothing is attached; %zu "
	     "addresses of interfaces that aren't here were dropped",
	     dropped);
	return 0;
}
