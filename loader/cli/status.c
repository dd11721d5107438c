// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "cli.h"
#include "dispatcher.h"
#include "entry.h"
#include "report.h"
#include "status.h"
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
		/* one whose parent is elsewhere has none to show */
		vlan_path_of(link, &row.path, &ignored);
	}
	if (row.ours >= 0 && !row.state.chain)
		dispatcher_alone_reason(row.alone_reason, sizeof(row.alone_reason));
	*ret_row = row;
	return 0;
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
	json_object_set_new(json, "orphan",
			    json_boolean(row->state.empty_id ||
					 (attached && row->state.prog[row->ours].orphan)));
	return json;
}

/* The names of the first @count programs after @intro; nothing where there are none. */
static void print_programs(const struct status_row *row, const char *intro, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		printf("%s %s", i ? "," : intro, row->state.prog[i].name);
}

void status_print(const struct status_row *row, const char *verb)
{
	printf("%s: %s", row->link.name, verb);
	if (row->gone) {
		printf("the interface is gone");
	} else if (row->state.empty_id) {
		printf("not attached, a dispatcher %s is, which calls nothing, prog id %u",
		       row->state.other_version ? "of another libxdp version"
						: "whose pins are gone",
		       row->state.empty_id);
	} else if (row->ours < 0 && row->path.count) {
		printf("VLAN");
		for (unsigned int i = 0; i < row->path.count; i++)
			printf(" %u", row->path.keys[i].vid);
		printf(" of %s, which is %sattached", row->path.parent.name,
		       row->answered_on_parent ? "" : "not ");
	} else if (row->ours < 0) {
		printf("not attached");
		print_programs(row, ", another XDP program is:", row->state.count);
	} else if (row->state.chain) {
		printf("%s mode, program %d of %u in the dispatcher, priority %u, prog id %u",
		       attach_mode_name(row->state.mode), row->ours + 1, row->state.count,
		       row->state.prog[row->ours].priority, row->state.prog[row->ours].id);
		print_programs(row, ", after", row->ours);
	} else {
		printf("%s mode, alone%s%s%s, prog id %u", attach_mode_name(row->state.mode),
		       *row->alone_reason ? " (no dispatcher: " : "", row->alone_reason,
		       *row->alone_reason ? ")" : "", row->state.prog[row->ours].id);
	}
	printf(", %zu address%s", row->entries, report_plural(row->entries));
	if (row->state.empty_id)
		printf(": attach again");
	if (row->ours >= 0 && row->state.prog[row->ours].orphan)
		printf(", its pins are gone: attach again");
	if (row->ours >= 0 && row->state.prog[row->ours].stale)
		printf(", reads an older map: attach again");
	if (attach_count(&row->state) > 1)
		printf(", and %u more of ours: attach again", attach_count(&row->state) - 1);
	putchar('\n');
}
