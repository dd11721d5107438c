// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "cleanup.h"
#include "cli.h"
#include "device.h"
#include "dispatcher.h"
#include "entry.h"
#include "report.h"
#include "status.h"
#include "table.h"
#include "text.h"

int status_count_entries(const struct pins *pins, uint32_t ifindex, size_t *ret_count,
			 struct err *err)
{
	struct entry_table table = {};
	int r = pins ? entry_read_all(pins, ifindex, &table, err) : 0;

	if (r < 0)
		return r;
	*ret_count = table.count;
	entry_table_free(&table);
	return 0;
}

int status_read(const struct pins *pins, const struct link *link, size_t entries,
		struct status_row *ret_row, struct err *err)
{
	struct status_row row = { .link = *link, .entries = entries };
	int r = attach_query(pins_maps(pins), link->ifindex, &row.state, err);

	if (r < 0)
		return r;
	row.ours = attach_find(&row.state, true);
	if (link_is_vlan(link)) {
		struct vlan_hook hook;
		struct err ignored;

		r = vlan_find_hook(pins, link->ifindex, &hook, err);
		if (r < 0)
			return r;
		row.answered_on_parent = row.ours < 0 && hook.ours >= 0;
		row.parent_moved = hook.moved;
		/* no path is shown if the parent is in another namespace */
		vlan_path_of(link, &row.path, &ignored);
	}
	if (row.ours >= 0 && !row.state.chain)
		dispatcher_alone_reason(row.alone_reason, sizeof(row.alone_reason));
	*ret_row = row;
	return 0;
}

static size_t count_on(const struct entry_table *table, uint32_t ifindex)
{
	size_t count = 0;

	for (size_t i = 0; i < table->count; i++)
		count += table->rows[i].key.ifindex == ifindex;
	return count;
}

/* Fills in the row of an interface that is gone. */
static struct status_row gone_row(const struct pins *pins, const char name[IFNAMSIZ],
				  uint32_t ifindex, size_t entries)
{
	struct status_row row = { .gone = true,
				  .ours = -1,
				  .link.ifindex = ifindex,
				  .entries = entries,
				  .moved = attach_find_moved(pins_maps(pins), ifindex) };

	memcpy(row.link.name, name, sizeof(row.link.name));
	return row;
}

/* Appends interfaces that are gone and have addresses, or have moved with the program; the array
 * has room for all records. */
static int status_add_gone(const struct pins *pins, const struct entry_table *table,
			   struct status_row *rows, size_t *count, struct err *err)
{
	struct device_table devices;
	int r = device_read_all(pins, &devices, err);

	for (unsigned int i = 0; !r && i < devices.count; i++) {
		const struct device_row *device = &devices.rows[i];

		if (!device->gone)
			continue;
		rows[*count] = gone_row(pins, device->name, device->ifindex,
					count_on(table, device->ifindex));
		*count += rows[*count].entries || rows[*count].moved.found;
	}
	return r;
}

int status_read_all(const struct pins *pins, struct status_row **ret_rows, size_t *ret_count,
		    struct err *err)
{
	struct if_nameindex *names = if_nameindex();
	struct entry_table table = {};
	struct status_row *rows = NULL;
	size_t total = 0, count = 0;
	int r = 0;

	if (!names)
		return err_set(err, negative_errno(), "listing the interfaces: %s",
			       strerror(errno));
	while (names[total].if_index)
		total++;
	rows = xcalloc(total + L2RESP_MAX_DEVICES, sizeof(*rows));
	if (pins)
		r = entry_read_all(pins, 0, &table, err);
	for (size_t i = 0; i < total && !r; i++) {
		struct link link;
		size_t entries;

		r = link_by_ifindex(names[i].if_index, &link, err);
		if (!r) {
			entries =
				device_is_reused(pins, &link) ? 0 : count_on(&table, link.ifindex);
			r = status_read(pins, &link, entries, &rows[count], err);
		}
		/* skip an interface that was deleted meanwhile */
		if (r == -ENODEV) {
			r = 0;
			continue;
		}
		if (!r && (rows[count].ours >= 0 || rows[count].state.empty_id || entries))
			count++;
	}
	/* without the pin of the records, interfaces that are gone aren't shown */
	if (!r && pins && pins->maps.fd[MAPS_DEVICES] >= 0)
		r = status_add_gone(pins, &table, rows, &count, err);
	entry_table_free(&table);
	if_freenameindex(names);
	if (r < 0) {
		free(rows);
		return r;
	}
	*ret_rows = rows;
	*ret_count = count;
	return 0;
}

/* Fills in the row of @name, which is no interface here, if it has moved with the program. */
static bool read_moved(const struct pins *pins, const char *name, struct status_row *ret_row)
{
	struct link link;
	struct err ignored;
	size_t entries;

	if (!pins || pins->maps.fd[MAPS_DEVICES] < 0 ||
	    device_resolve(pins, name, &link, &ignored) < 0 ||
	    status_count_entries(pins, link.ifindex, &entries, &ignored) < 0)
		return false;
	*ret_row = gone_row(pins, link.name, link.ifindex, entries);
	return ret_row->moved.found;
}

int status_read_named(const struct pins *pins, int count, char **names,
		      struct status_row **ret_rows, size_t *ret_count, struct err *err)
{
	size_t kept = 0;

	_cleanup_free_ struct status_row *rows = xcalloc(count + 1, sizeof(*rows));

	for (int i = 0; i < count; i++) {
		struct link link;
		size_t entries, seen = 0;
		int r = link_by_name(names[i], &link, err);

		if (r == -ENODEV && read_moved(pins, names[i], &rows[kept])) {
			kept++;
			continue;
		}
		while (!r && seen < kept && rows[seen].link.ifindex != link.ifindex)
			seen++;
		if (!r && seen < kept)
			continue;
		if (!r)
			r = status_count_entries(pins, link.ifindex, &entries, err);
		if (!r && device_is_reused(pins, &link))
			entries = 0;
		if (!r)
			r = status_read(pins, &link, entries, &rows[kept++], err);
		if (r < 0)
			return r;
	}
	*ret_rows = TAKE_PTR(rows);
	*ret_count = kept;
	return 0;
}

static json_t *moved_json(const struct attach_moved *moved)
{
	bool known = *moved->link.name;

	if (!moved->found)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:I, s:b}", "dev",
			 known ? text_json(moved->link.name) : json_null(), "ifindex",
			 known ? json_integer(moved->link.ifindex) : json_null(), "nsid",
			 known && moved->nsid >= 0 ? json_integer(moved->nsid) : json_null(),
			 "prog_id", (json_int_t)moved->prog_id, "answering",
			 attach_moved_answers(moved));
}

json_t *status_json(const struct status_row *row)
{
	bool attached = row->ours >= 0, chain = attached && row->state.chain;
	json_t *programs = json_array();
	json_t *json =
		json_pack("{s:o, s:i, s:s, s:o, s:b, s:s}", "dev", text_json(row->link.name),
			  "ifindex", (int)row->link.ifindex, "mode",
			  attach_mode_name(attached ? row->state.mode : XDP_MODE_UNSPEC), "prog_id",
			  attached ? json_integer(row->state.prog[row->ours].id) : json_null(),
			  "chain", chain, "chain_reason", row->alone_reason);

	json_object_set_new(json, "priority",
			    chain ? json_integer(row->state.prog[row->ours].priority)
				  : json_null());
	json_object_set_new(json, "position", chain ? json_integer(row->ours + 1) : json_null());
	json_object_set_new(json, "entries", json_integer(row->entries));
	for (unsigned int i = 0; i < row->state.count; i++)
		json_array_append_new(
			programs,
			json_pack("{s:I, s:o, s:i, s:b}", "id", (json_int_t)row->state.prog[i].id,
				  "name", text_json(row->state.prog[i].name), "priority",
				  row->state.prog[i].priority, "ours",
				  row->state.prog[i].ours || row->state.prog[i].orphan));
	json_object_set_new(json, "programs", programs);
	json_object_set_new(json, "vlan", report_vlan(&row->path));
	json_object_set_new(json, "parent",
			    row->path.count ? text_json(row->path.parent.name) : json_null());
	json_object_set_new(json, "moved",
			    moved_json(row->moved.found ? &row->moved : &row->parent_moved));
	json_object_set_new(json, "orphan",
			    json_boolean(row->state.empty_id ||
					 (attached && row->state.prog[row->ours].orphan)));
	return json;
}

/* Prints @intro and the names of the first @count programs; nothing if @count is 0. */
static void print_programs(const struct status_row *row, const char *intro, unsigned int count,
			   FILE *file)
{
	for (unsigned int i = 0; i < count; i++)
		text_print(file, "%s %s", i ? "," : intro, row->state.prog[i].name);
}

static const char *const orphan_texts[] = {
	[ATTACH_PINS_GONE] = "its pins are gone: attach again",
	[ATTACH_CAME_MOVED] = "it came from another network namespace, and answers for the "
			      "addresses there: detach, or attach again",
};

/* Returns why no program is attached. */
static void print_unattached(const struct status_row *row, FILE *file)
{
	char text[ATTACH_MOVED_TEXT_SIZE];

	if (row->moved.found) {
		attach_moved_text(&row->moved, text);
		text_print(file, "%s, and its program runs on, prog id %u", text,
			   row->moved.prog_id);
	} else if (row->parent_moved.found) {
		attach_moved_text(&row->parent_moved, text);
		text_print(file, "its parent %s, and the program on that answers, prog id %u", text,
			   row->parent_moved.prog_id);
	} else if (row->gone) {
		fputs("the interface is gone", file);
	} else if (row->state.came_moved) {
		fprintf(file,
			"not attached, a dispatcher is that calls our program, prog id %u, %s",
			row->state.empty_id, orphan_texts[ATTACH_CAME_MOVED]);
	} else if (row->state.empty_id) {
		fprintf(file, "not attached, a dispatcher %s is, which calls nothing, prog id %u",
			row->state.other_version ? "of another libxdp version"
						 : "whose pins are gone",
			row->state.empty_id);
	} else if (row->path.count) {
		fputs("VLAN", file);
		for (unsigned int i = 0; i < row->path.count; i++)
			fprintf(file, " %u", row->path.keys[i].vid);
		text_print(file, " of %s, ", row->path.parent.name);
		if (row->path.hook.ifindex == row->link.ifindex)
			fputs("not attached", file);
		else
			text_print(file, "%s is %sattached",
				   row->path.hidden ? row->path.hook.name : "which",
				   row->answered_on_parent ? "" : "not ");
	} else {
		fputs("not attached", file);
		print_programs(row, ", another XDP program is:", row->state.count, file);
	}
}

/* Prints why attach should be run again; nothing if it needn't be. */
static void print_attach_again(const struct status_row *row, FILE *file)
{
	if (row->state.empty_id && !row->state.came_moved)
		fputs(": attach again", file);
	if (row->ours >= 0 && row->state.prog[row->ours].orphan)
		fprintf(file, ", %s", orphan_texts[row->state.prog[row->ours].orphan]);
	if (row->ours >= 0 && row->state.prog[row->ours].stale)
		fprintf(file, ", %s: attach again", row->state.prog[row->ours].stale);
	if (attach_count(&row->state) > 1)
		fprintf(file, ", and %u more of ours: attach again", attach_count(&row->state) - 1);
}

void status_print(const struct status_row *row, const char *verb)
{
	text_print(stdout, "%s: %s", row->link.name, verb);
	if (row->ours < 0 || row->state.empty_id) {
		print_unattached(row, stdout);
	} else if (row->state.chain) {
		printf("%s mode, program %d of %u in the dispatcher, priority %u, prog id %u",
		       attach_mode_name(row->state.mode), row->ours + 1, row->state.count,
		       row->state.prog[row->ours].priority, row->state.prog[row->ours].id);
		print_programs(row, ", after", row->ours, stdout);
	} else {
		text_print(stdout, "%s mode, alone%s%s%s, prog id %u",
			   attach_mode_name(row->state.mode),
			   *row->alone_reason ? " (no dispatcher: " : "", row->alone_reason,
			   *row->alone_reason ? ")" : "", row->state.prog[row->ours].id);
	}
	printf(", %zu address%s", row->entries, report_plural(row->entries));
	print_attach_again(row, stdout);
	putchar('\n');
}

static const char *const titles[] = { "INTERFACE", "MODE",	"PLACE",   "PRIORITY",
				      "PROGRAM",   "ADDRESSES", "REMARKS", NULL };

/* Prints the cell of remarks: the text of status_print() that the other cells don't have. */
static char *remarks(const struct status_row *row)
{
	char *text = NULL;
	size_t size;
	FILE *file = xopen_memstream(&text, &size);

	if (row->ours < 0 || row->state.empty_id)
		print_unattached(row, file);
	else if (row->state.chain)
		print_programs(row, ", after", row->ours, file);
	print_attach_again(row, file);
	xclose_memstream(file, &text);
	return text;
}

static void table_row(struct table *table, const struct status_row *row)
{
	bool attached = row->ours >= 0 && !row->state.empty_id;
	bool chain = attached && row->state.chain;
	_cleanup_free_ char *text = remarks(row);

	table_cell(table, "%s", row->link.name);
	table_cell(table, "%s", attached ? attach_mode_name(row->state.mode) : "");
	if (chain) {
		table_cell(table, "%d of %u", row->ours + 1, row->state.count);
		table_cell(table, "%u", row->state.prog[row->ours].priority);
	} else {
		table_cell(table, "%s", attached ? "alone" : "");
		table_cell(table, "%s", "");
	}
	if (attached)
		table_cell(table, "%u", row->state.prog[row->ours].id);
	else
		table_cell(table, "%s", "");
	table_cell(table, "%zu", row->entries);
	/* skip the leading comma */
	table_cell(table, "%s", text + (strncmp(text, ", ", 2) ? 0 : 2));
}

/* Prints each reason once; mostly there is only one. */
static void print_alone_reasons(const struct status_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t seen = 0;

		while (seen < i && strcmp(rows[seen].alone_reason, rows[i].alone_reason) != 0)
			seen++;
		if (seen < i || !*rows[i].alone_reason)
			continue;
		putchar('\n');
		text_print(stdout, "alone: no dispatcher: %s\n", rows[i].alone_reason);
	}
}

void status_print_all(const struct status_row *rows, size_t count, bool json, const char *verb)
{
	struct cli_array array;

	if (json)
		cli_array_begin(&array);
	for (size_t i = 0; i < count; i++)
		if (json)
			cli_array_row(&array, status_json(&rows[i]));
		else
			status_print(&rows[i], verb);
	if (json)
		cli_array_end(&array);
}

void status_print_table(const struct status_row *rows, size_t count)
{
	struct table *table = table_begin(titles);

	for (size_t i = 0; i < count; i++)
		table_row(table, &rows[i]);
	table_end(table);
	print_alone_reasons(rows, count);
}
