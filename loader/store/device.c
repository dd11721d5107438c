// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "alloc.h"
#include "attach_moved.h"
#include "cleanup.h"
#include "device.h"
#include "entry.h"
#include "filter.h"

static int counters_zero(const struct pins *pins, uint32_t slot, struct err *err)
{
	_cleanup_free_ struct outcome_counts *zero =
		xcalloc(libbpf_num_possible_cpus(), sizeof(*zero));

	if (bpf_map_update_elem(pins->maps.fd[MAPS_COUNTERS], &slot, zero, BPF_ANY) < 0)
		return err_set(err, negative_errno(), "writing counters: %s", strerror(errno));
	return 0;
}

/* Counts the addresses of each recorded interface, in the order of @table. */
static void count_entries(const struct device_table *table, const struct entry_table *entries,
			  size_t counts[L2RESP_MAX_DEVICES])
{
	memset(counts, 0, sizeof(counts[0]) * L2RESP_MAX_DEVICES);
	for (size_t i = 0; i < entries->count; i++) {
		const struct device_row *row = device_find(table, entries->rows[i].key.ifindex);

		if (row)
			counts[row - table->rows]++;
	}
}

/* Makes room for @name: if the table is full, deletes the records of interfaces that are gone and
 * have no addresses. */
static int make_room(const struct pins *pins, struct device_table *table, const char *name,
		     struct err *err)
{
	_cleanup_(entry_table_free) struct entry_table entries = {};
	size_t counts[L2RESP_MAX_DEVICES];
	unsigned int kept = 0;
	int r;

	if (table->count < L2RESP_MAX_DEVICES)
		return 0;
	r = entry_read_all(pins, 0, &entries, err);
	if (r < 0)
		return r;
	count_entries(table, &entries, counts);
	for (unsigned int i = 0; i < table->count; i++) {
		if (!table->rows[i].gone || counts[i]) {
			table->rows[kept++] = table->rows[i];
			continue;
		}
		r = device_forget(pins, table->rows[i].ifindex, err);
		if (r < 0)
			return r;
	}
	table->count = kept;
	if (kept == L2RESP_MAX_DEVICES)
		return err_set(
			err, -ENOSPC,
			"%s: %d other interfaces have had the program or addresses, the most "
			"there can be; a deleted interface makes room, and so do `xdp-l2resp "
			"detach --all` and `xdp-l2resp flush --all`",
			name, L2RESP_MAX_DEVICES);
	return 0;
}

static uint32_t slot_unused(const struct device_table *table)
{
	bool used[L2RESP_MAX_DEVICES] = {};
	uint32_t slot = 0;

	for (unsigned int i = 0; i < table->count; i++)
		used[table->rows[i].counters_slot] = true;
	while (used[slot])
		slot++;
	return slot;
}

/* Writes the record of @link. If there is no room for it, that of @former, of which it has the
 * addresses next, is deleted first. */
static int write_record(const struct pins *pins, const struct link *link, uint32_t counters_slot,
			uint32_t former, struct err *err)
{
	int r = device_write(pins, link, counters_slot, err);

	if (r != -E2BIG || !former)
		return r;
	r = device_forget(pins, former, err);
	return r < 0 ? r : device_write(pins, link, counters_slot, err);
}

/* Gives the addresses of interface number @former to @link, which is recorded, and deletes the
 * record of @former. */
static int move_addresses(const struct pins *pins, uint32_t former, const struct link *link,
			  size_t *ret_moved, struct err *err)
{
	_cleanup_(entry_table_free) struct entry_table entries = {};
	int r = entry_read_all(pins, former, &entries, err);

	if (!r)
		r = entry_move(pins, &entries, former, link, ret_moved, err);
	if (!r)
		r = filter_forget(pins, former, err);
	return r < 0 ? r : device_forget(pins, former, err);
}

static int take_over(const struct pins *pins, const struct device_row *former,
		     const struct link *link, filter_note_fn *note, struct err *err)
{
	size_t moved = 0;
	int r = move_addresses(pins, former->ifindex, link, &moved, err);

	if (r < 0)
		return r;
	if (moved)
		note("%s: took over %zu address%s of the former %s", link->name, moved,
		     moved == 1 ? "" : "es", link->name);
	filter_sync(pins, link->ifindex, note);
	return 0;
}

/* Chooses the number of @row's parked record: none that another name's record has. */
static int choose_parked(const struct pins *pins, const struct device_row *row,
			 unsigned int *ret_ifindex, struct err *err)
{
	uint32_t ifindex = row->ifindex | DEVICE_PARKED;
	const struct device_row *parked;
	struct device_table table;
	int r = device_read_recorded(pins, &table, err);

	if (r < 0)
		return r;
	while ((parked = device_find(&table, ifindex)) && strcmp(parked->name, row->name) != 0)
		ifindex++;
	*ret_ifindex = ifindex;
	return 0;
}

int device_park(const struct pins *pins, const struct device_row *row, struct err *err)
{
	struct link parked = {};
	size_t moved;
	int r;

	if (row->ifindex & DEVICE_PARKED)
		return 0;
	memcpy(parked.name, row->name, sizeof(parked.name));
	r = choose_parked(pins, row, &parked.ifindex, err);
	if (!r)
		r = write_record(pins, &parked, row->counters_slot, row->ifindex, err);
	return r < 0 ? r : move_addresses(pins, row->ifindex, &parked, &moved, err);
}

/* Parks the record @row: another interface has its number. -EBUSY with @err if its own one is
 * elsewhere with the program, which would answer for the other one's addresses, too. */
static int park_reused(const struct pins *pins, const struct device_row *row, struct err *err)
{
	struct attach_moved moved = attach_find_moved(pins_maps(pins), row->ifindex);
	char text[ATTACH_MOVED_TEXT_SIZE];

	if (moved.unknown)
		return err_set(err, -EPERM,
			       "%s has the number (%u) of the former %s; whether that runs the "
			       "program elsewhere can't be found out here",
			       row->link.name, row->ifindex, row->name);
	if (!moved.found)
		return device_park(pins, row, err);
	attach_moved_text(&moved, text);
	return err_set(
		err, -EBUSY,
		"%s has the number (%u) of the former %s, which %s: its program would answer "
		"for addresses of %s there; detach it there first",
		row->link.name, row->ifindex, row->name, text, row->link.name);
}

int device_follow(const struct pins *pins, struct err *err)
{
	struct device_table table;
	int r = device_read_all(pins, &table, err);

	for (unsigned int i = 0; i < table.count && !r; i++) {
		r = table.rows[i].reused ? park_reused(pins, &table.rows[i], err) : 0;
		if (r == -EBUSY)
			r = 0;
	}
	return r;
}

int device_make_way(const struct pins *pins, const struct link *link, struct err *err)
{
	const struct device_row *row;
	struct device_table table;
	int r = device_read_all(pins, &table, err);

	row = r < 0 ? NULL : device_find(&table, link->ifindex);
	return row && row->reused ? park_reused(pins, row, err) : r;
}

int device_record(const struct pins *pins, const struct link *link, filter_note_fn *note,
		  struct device_recorded *ret_recorded, struct err *err)
{
	struct device_recorded recorded = {};
	const struct device_row *row, *former;
	struct device_table table;
	int r = device_read_all(pins, &table, err);

	if (r < 0)
		return r;
	row = device_find(&table, link->ifindex);
	if (row && row->gone) {
		r = park_reused(pins, row, err);
		r = r ?: device_read_all(pins, &table, err);
		if (r < 0)
			return r;
		row = NULL;
	}
	former = device_find_gone(&table, link->name);
	if (row || former) {
		recorded.counters_slot = (row ?: former)->counters_slot;
	} else {
		recorded.created = true;
		r = make_room(pins, &table, link->name, err);
		recorded.counters_slot = r < 0 ? 0 : slot_unused(&table);
		if (!r)
			r = counters_zero(pins, recorded.counters_slot, err);
	}
	/* the name may have changed */
	if (!r)
		r = write_record(pins, link, recorded.counters_slot, former ? former->ifindex : 0,
				 err);
	/* more than one after a kill, and also of an interface that was recorded under another name
	 */
	for (unsigned int i = 0; i < table.count && !r; i++)
		if (table.rows[i].gone && !strcmp(table.rows[i].name, link->name))
			r = take_over(pins, &table.rows[i], link, note, err);
	if (r < 0)
		return r;
	*ret_recorded = recorded;
	return 0;
}

void device_undo_record(const struct pins *pins, const struct link *link,
			const struct device_recorded *recorded)
{
	struct err ignored;

	if (recorded->created)
		device_forget(pins, link->ifindex, &ignored);
}
