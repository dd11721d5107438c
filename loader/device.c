// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "cleanup.h"
#include "device.h"
#include "entry.h"
#include "filter.h"

static int row_compare(const void *a, const void *b)
{
	const struct device_row *left = a, *right = b;
	int order = strcmp(left->name, right->name);

	return order ? order : (int)left->ifindex - (int)right->ifindex;
}

/*
 * The record after that of *ifindex, after 0 the first. Returns 1 and sets both, 0 at the end, or
 * an error: what can't be read must not pass for nothing being there.
 */
static int device_next(const struct pins *pins, uint32_t *ifindex, struct device *ret_device,
		       struct err *err)
{
	int fd = pins->fd[PINS_DEVICES];

	while (!bpf_map_get_next_key(fd, *ifindex ? ifindex : NULL, ifindex)) {
		if (!bpf_map_lookup_elem(fd, ifindex, ret_device))
			return 1;
		if (errno != ENOENT)
			break;
	}
	return errno == ENOENT
		       ? 0
		       : err_set(err, negative_errno(), "reading devices: %s", strerror(errno));
}

int device_read_all(const struct pins *pins, struct device_table *ret_table, struct err *err)
{
	struct device device;
	uint32_t ifindex = 0;
	int more;

	ret_table->count = 0;
	while (ret_table->count < L2RESP_MAX_DEVICES &&
	       (more = device_next(pins, &ifindex, &device, err))) {
		struct device_row *row = &ret_table->rows[ret_table->count];
		struct link link;
		int r;

		if (more < 0)
			return more;
		r = link_by_ifindex(ifindex, &link, err);
		if (r < 0 && r != -ENODEV)
			return r;
		*row = (struct device_row){ .ifindex = ifindex,
					    .gone = r == -ENODEV,
					    .counters_slot = device.counters_slot };
		if (!r)
			row->link = link;
		memcpy(row->name, r ? device.name : link.name, sizeof(row->name));
		row->renamed = strcmp(row->name, device.name) != 0;
		ret_table->count++;
	}
	qsort(ret_table->rows, ret_table->count, sizeof(ret_table->rows[0]), row_compare);
	return 0;
}

const struct device_row *device_find(const struct device_table *table, uint32_t ifindex)
{
	for (unsigned int i = 0; i < table->count; i++)
		if (table->rows[i].ifindex == ifindex)
			return &table->rows[i];
	return NULL;
}

static int device_write(const struct pins *pins, const struct link *link, uint32_t counters_slot,
			struct err *err)
{
	struct device device = { .counters_slot = counters_slot };

	memcpy(device.name, link->name, sizeof(device.name));
	if (bpf_map_update_elem(pins->fd[PINS_DEVICES], &link->ifindex, &device, BPF_ANY) < 0)
		return err_set(err, negative_errno(), "writing devices: %s", strerror(errno));
	return 0;
}

static int device_forget(const struct pins *pins, uint32_t ifindex, struct err *err)
{
	if (bpf_map_delete_elem(pins->fd[PINS_DEVICES], &ifindex) < 0 && errno != ENOENT)
		return err_set(err, negative_errno(), "writing devices: %s", strerror(errno));
	return 0;
}

static int counters_zero(const struct pins *pins, uint32_t slot, struct err *err)
{
	_cleanup_free_ struct outcome_counts *zero =
		calloc(libbpf_num_possible_cpus(), sizeof(*zero));

	if (!zero)
		return err_set(err, -ENOMEM, "out of memory");
	if (bpf_map_update_elem(pins->fd[PINS_COUNTERS], &slot, zero, BPF_ANY) < 0)
		return err_set(err, negative_errno(), "writing counters: %s", strerror(errno));
	return 0;
}

/* Addresses that each recorded interface has, in the order of @table. */
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

/* Forgets interfaces that are gone and have no addresses, until there is room for one more record.
 */
static int make_room(const struct pins *pins, struct device_table *table, struct err *err)
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
		return err_set(err, -ENOSPC,
			       "%d interfaces have addresses already, the most there can be",
			       L2RESP_MAX_DEVICES);
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

/* @link has taken the place of @former: its counters and addresses are @link's now. */
static int take_over(const struct pins *pins, const struct device_row *former,
		     const struct link *link, unsigned int *ret_moved, struct err *err)
{
	_cleanup_(entry_table_free) struct entry_table entries = {};
	size_t moved = 0;
	int r = entry_read_all(pins, former->ifindex, &entries, err);

	if (r < 0)
		return r;
	r = entry_move(pins, &entries, former->ifindex, link->ifindex, &moved, err);
	if (r < 0)
		return r;
	r = device_write(pins, link, former->counters_slot, err);
	if (r < 0)
		return r;
	*ret_moved = moved;
	filter_forget(pins, former->ifindex);
	return device_forget(pins, former->ifindex, err);
}

/* The record of a former interface called @name, or NULL. */
static const struct device_row *find_gone(const struct device_table *table, const char *name)
{
	for (unsigned int i = 0; i < table->count; i++)
		if (table->rows[i].gone && !strcmp(table->rows[i].name, name))
			return &table->rows[i];
	return NULL;
}

int device_record(const struct pins *pins, const struct link *link,
		  struct device_recorded *ret_recorded, struct err *err)
{
	struct device_recorded recorded = {};
	const struct device_row *row, *former;
	struct device_table table;
	int r = device_read_all(pins, &table, err);

	if (r < 0)
		return r;
	row = device_find(&table, link->ifindex);
	former = row ? NULL : find_gone(&table, link->name);
	if (row) {
		/* it may have been renamed since */
		recorded.counters_slot = row->counters_slot;
		r = device_write(pins, link, recorded.counters_slot, err);
	} else if (former) {
		recorded.counters_slot = former->counters_slot;
		r = take_over(pins, former, link, &recorded.moved, err);
	} else {
		recorded.created = true;
		r = make_room(pins, &table, err);
		recorded.counters_slot = r < 0 ? 0 : slot_unused(&table);
		if (!r)
			r = counters_zero(pins, recorded.counters_slot, err);
		if (!r)
			r = device_write(pins, link, recorded.counters_slot, err);
	}
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

int device_resolve(const struct pins *pins, const char *name, struct link *ret_link,
		   struct err *err)
{
	const struct device_row *gone;
	struct device_table table;
	struct err ignored;
	struct link link;
	int r = link_by_name(name, &link, err);

	if ((!r || r == -ENODEV) && !device_read_all(pins, &table, &ignored)) {
		gone = !r && device_find(&table, link.ifindex) ? NULL : find_gone(&table, name);
		if (gone) {
			r = 0;
			link = (struct link){ .ifindex = gone->ifindex };
			memcpy(link.name, gone->name, sizeof(link.name));
		}
	}
	if (!r)
		*ret_link = link;
	return r;
}

/* A recorded interface whose number is another here. */
struct renumbered {
	uint32_t from;
	struct device device;
	struct link link; /* ifindex 0: none of its name is here */
};

/* Returns how many, or an error. */
static int read_renumbered(const struct pins *pins, struct renumbered *list, struct err *err)
{
	uint32_t ifindex = 0;
	int count = 0, more = 0;
	struct err ignored;

	while (count < L2RESP_MAX_DEVICES &&
	       (more = device_next(pins, &ifindex, &list[count].device, err)) > 0) {
		list[count].from = ifindex;
		link_by_name(list[count].device.name, &list[count].link, &ignored);
		count++;
	}
	return more < 0 ? more : count;
}

/* Rows under their new numbers; those of interfaces that aren't here are left out. */
static void renumber_rows(struct entry_table *table, const struct renumbered *list, int count)
{
	size_t kept = 0;

	for (size_t i = 0; i < table->count; i++) {
		struct entry_row row = table->rows[i];

		for (int n = 0; n < count; n++) {
			if (list[n].from != row.key.ifindex || !list[n].link.ifindex)
				continue;
			row.key.ifindex = list[n].link.ifindex;
			table->rows[kept++] = row;
			break;
		}
	}
	table->count = kept;
}

/*
 * Addresses and records under the numbers that their interfaces' names have here. The addresses in
 * new maps that take the old ones' place at once, so that a kill loses none.
 */
static int renumber(struct pins *pins, size_t *ret_dropped, struct err *err)
{
	_cleanup_(entry_table_free) struct entry_table entries = {};
	_cleanup_free_ struct renumbered *list = calloc(L2RESP_MAX_DEVICES, sizeof(*list));
	_cleanup_(cleanup_responders) int fds[PINS_FAMILIES] = { -1, -1 };
	size_t before;
	int r, count;

	if (!list)
		return err_set(err, -ENOMEM, "out of memory");
	r = entry_read_all(pins, 0, &entries, err);
	if (r < 0)
		return r;
	count = read_renumbered(pins, list, err);
	if (count < 0)
		return count;
	before = entries.count;
	renumber_rows(&entries, list, count);
	r = pins_create_responders(pins->max_entries, fds, err);
	if (!r)
		r = responder_write_table(fds, &entries, err);
	if (!r)
		r = pins_swap_responders(pins, fds, pins->max_entries, err);
	if (r < 0)
		return r;
	filter_forget(pins, 0);
	for (int i = 0; i < count; i++)
		device_forget(pins, list[i].from, err);
	for (int i = 0; i < count && !r; i++)
		if (list[i].link.ifindex)
			r = device_write(pins, &list[i].link, list[i].device.counters_slot, err);
	*ret_dropped = before - entries.count;
	return r;
}

int device_adopt(struct pins *pins, size_t *ret_dropped, struct err *err)
{
	int r;

	*ret_dropped = 0;
	if (!pins->orphaned)
		return 0;
	r = renumber(pins, ret_dropped, err);
	return r < 0 ? r : pins_adopt(pins, err);
}
