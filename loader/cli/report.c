// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "report.h"
#include "text.h"

const char *report_plural(size_t count)
{
	return count == 1 ? "" : "es";
}

static void print_count(const char *dev, size_t count, const char *what)
{
	text_print(stdout, "%s%s%zu address%s %s", dev ?: "", dev ? ": " : "", count,
		   report_plural(count), what);
}

void report_added(const struct cli_options *options, const char *dev,
		  const struct entry_added *added)
{
	if (options->json) {
		cli_print_json(json_pack("{s:I, s:I}", "added", (json_int_t)added->added, "present",
					 (json_int_t)added->present));
		return;
	}
	print_count(dev, added->added, "added");
	if (added->present)
		printf(", %zu already present", added->present);
	putchar('\n');
}

void report_deleted(const struct cli_options *options, const char *dev,
		    const struct serve_deleted *deleted)
{
	if (deleted->leased)
		cli_note("%zu address%s of the agent left, since it holds the lease",
			 deleted->leased, report_plural(deleted->leased));
	if (options->json) {
		cli_print_json(json_pack("{s:I}", "deleted", (json_int_t)deleted->deleted));
		return;
	}
	print_count(dev, deleted->deleted, "deleted");
	putchar('\n');
}

json_t *report_vlan(const struct vlan_path *path)
{
	json_t *vids;

	if (!path->count)
		return json_null();
	if (path->count == 1)
		return json_integer(path->keys[0].vid);
	vids = json_array();
	for (unsigned int i = 0; i < path->count; i++)
		json_array_append_new(vids, json_integer(path->keys[i].vid));
	return vids;
}
