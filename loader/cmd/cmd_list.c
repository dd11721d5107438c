// SPDX-License-Identifier: GPL-2.0-or-later
/* list: prints addresses, and whether they answer. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "attach_moved.h"
#include "attach_state.h"
#include "cleanup.h"
#include "cli.h"
#include "conflict.h"
#include "device.h"
#include "entry.h"
#include "identity.h"
#include "lease_name.h"
#include "link.h"
#include "report.h"
#include "table.h"
#include "text.h"
#include "vlan.h"

/* An interface's state, read once for all its rows. */
struct list_device {
	uint32_t ifindex;
	char name[IFNAMSIZ];
	bool attached;
	bool up; /* with carrier; of the interface with the program, if that is another */
	bool gone;
	bool moved; /* it, or its parent, is gone from here, but the program still runs on it */
	uint8_t mac[ETH_ALEN]; /* valid unless gone */
	struct vlan_path path;
};

static int list_device_read(const struct pins *pins, const struct device_table *devices,
			    uint32_t ifindex, struct list_device *device, struct err *err)
{
	const struct device_row *row = device_find(devices, ifindex);
	struct attach_moved moved;
	struct vlan_hook hook;
	struct err ignored;
	int r;

	*device = (struct list_device){ .ifindex = ifindex, .gone = !row || row->gone };
	if (!row || row->gone) {
		if (row)
			memcpy(device->name, row->name, sizeof(device->name));
		else
			snprintf(device->name, sizeof(device->name), "if%u", ifindex);
		moved = attach_find_moved(pins_maps(pins), ifindex);
		device->attached = device->moved = moved.found;
		device->up = attach_moved_answers(&moved);
		return 0;
	}
	memcpy(device->name, row->name, sizeof(device->name));
	memcpy(device->mac, row->link.mac, sizeof(device->mac));
	r = vlan_find_hook(pins, ifindex, &hook, err);
	if (r == -ENODEV) { /* deleted meanwhile */
		device->gone = true;
		return 0;
	}
	if (r < 0)
		return r;
	device->up = link_is_up(hook.ours >= 0 ? &hook.link : &row->link);
	device->attached = attach_is_current(&hook.state);
	if (hook.moved.found) {
		device->attached = device->moved = true;
		device->up = attach_moved_answers(&hook.moved);
		return 0;
	}
	/* no path is shown if the parent is in another namespace */
	if (!vlan_path_of(&row->link, &device->path, &ignored) && hook.tag_count)
		device->attached = device->attached && vlan_has_rows(pins, &device->path);
	return 0;
}

/* An entry, and the other values shown with it. */
struct list_row {
	const struct entry_row *entry;
	const struct list_device *device;
	const char *node; /* the name of this host's agent; empty: none ever ran */
	uint64_t remaining_ms;
	uint64_t conflicts;
};

/* True if the address is answered with a former MAC of the interface. */
static bool mac_stale(const struct list_row *shown)
{
	return !shown->device->gone && entry_mac_stale(shown->entry, shown->device->mac);
}

static json_t *lease_json(const struct list_row *shown)
{
	char name[LEASE_NAME_SIZE];

	if (shown->entry->head.lease == L2RESP_LEASE_FOREVER)
		return json_null();
	return json_pack("{s:s, s:o, s:I}", "name",
			 lease_name_format(&shown->entry->key.address, name), "holder",
			 *shown->node ? text_json(shown->node) : json_null(), "remaining_ms",
			 (json_int_t)shown->remaining_ms);
}

static json_t *list_json(const struct list_row *shown)
{
	const struct entry_row *row = shown->entry;
	const struct list_device *device = shown->device;
	char ip[INET6_ADDRSTRLEN], mac[MAC_TEXT_SIZE];
	const struct entry_head *head = &row->head;
	json_t *json = json_pack("{s:s, s:o, s:I, s:s, s:b, s:b, s:b}", "ip",
				 address_format(&row->key.address, ip), "dev",
				 text_json(device->name), "ifindex", (json_int_t)row->key.ifindex,
				 "mac", mac_format(head->mac, mac), "mac_fixed",
				 !!(head->flags & ENTRY_MAC_FIXED), "mac_virtual",
				 entry_mac_virtual(row), "mac_stale", mac_stale(shown));

	if (!address_is_v4(&row->key.address))
		json_object_set_new(json, "override",
				    json_boolean(!(head->flags & ENTRY_NO_OVERRIDE)));
	json_object_update_new(
		json,
		json_pack("{s:o, s:o, s:b, s:I, s:I}", "vlan", report_vlan(&device->path), "lease",
			  lease_json(shown), "answering",
			  device->attached && device->up && shown->remaining_ms && !row->damaged,
			  "responses_sent", (json_int_t)row->responses_sent, "conflicts",
			  (json_int_t)shown->conflicts));
	return json;
}

static const char *list_state(const struct list_row *shown)
{
	if (!shown->device->attached)
		return "not-attached";
	if (!shown->device->up)
		return "link-down";
	if (shown->entry->damaged)
		return "damaged";
	if (!shown->remaining_ms)
		return "lease-over";
	return shown->device->moved ? "answering-elsewhere" : "answering";
}

/* Returns the kind of a MAC that isn't the interface's own. */
static const char *mac_kind(const struct entry_row *row)
{
	if (entry_mac_virtual(row))
		return " virtual";
	return row->head.flags & ENTRY_MAC_FIXED ? " fixed" : "";
}

static void list_print(const struct list_row *shown)
{
	const struct entry_row *row = shown->entry;
	const struct list_device *device = shown->device;
	char ip[INET6_ADDRSTRLEN], mac[MAC_TEXT_SIZE], name[LEASE_NAME_SIZE];
	const struct entry_head *head = &row->head;

	text_print(stdout, "%s dev %s mac %s%s%s%s %s responses_sent %llu",
		   address_format(&row->key.address, ip), device->name, mac_format(head->mac, mac),
		   mac_kind(row), mac_stale(shown) ? " stale" : "",
		   head->flags & ENTRY_NO_OVERRIDE ? " override off" : "", list_state(shown),
		   (unsigned long long)row->responses_sent);
	if (head->lease != L2RESP_LEASE_FOREVER)
		text_print(stdout, " lease %s%s%s remaining %llums",
			   lease_name_format(&row->key.address, name),
			   *shown->node ? " holder " : "", shown->node,
			   (unsigned long long)shown->remaining_ms);
	if (shown->conflicts)
		printf(" conflicts %llu", (unsigned long long)shown->conflicts);
	putchar('\n');
}

static const char *const titles[] = {
	"ADDRESS", "INTERFACE", "MAC", "STATE", "ANSWERS", "CONFLICTS", "LEASE", NULL,
};

static void list_table_row(struct table *table, const struct list_row *shown)
{
	const struct entry_row *row = shown->entry;
	char ip[INET6_ADDRSTRLEN], mac[MAC_TEXT_SIZE], name[LEASE_NAME_SIZE];

	table_cell(table, "%s", address_format(&row->key.address, ip));
	table_cell(table, "%s", shown->device->name);
	table_cell(table, "%s%s%s%s", mac_format(row->head.mac, mac), mac_kind(row),
		   mac_stale(shown) ? " stale" : "",
		   row->head.flags & ENTRY_NO_OVERRIDE ? " override off" : "");
	table_cell(table, "%s", list_state(shown));
	table_cell(table, "%llu", (unsigned long long)row->responses_sent);
	table_cell(table, "%llu", (unsigned long long)shown->conflicts);
	if (row->head.lease == L2RESP_LEASE_FOREVER)
		table_cell(table, "%s", "");
	else
		table_cell(table, "%s%s%s remaining %llums",
			   lease_name_format(&row->key.address, name),
			   *shown->node ? " holder " : "", shown->node,
			   (unsigned long long)shown->remaining_ms);
}

/* Selects the addresses that are shown; members that aren't set match all. */
struct list_filter {
	const char *dev;
	int range_count;
	struct addr_range *ranges;
	bool ipv4, ipv6;
	bool answered;
};

static bool filter_passes(const struct list_filter *filter, const struct entry_row *row)
{
	bool v4 = address_is_v4(&row->key.address);

	if (filter->ipv4 != filter->ipv6 && filter->ipv4 != v4)
		return false;
	if (filter->answered && !row->responses_sent)
		return false;
	for (int i = 0; i < filter->range_count; i++)
		if (addr_range_has(&filter->ranges[i], &row->key.address))
			return true;
	return !filter->range_count;
}

/* The output: a table, a JSON array, or lines. */
struct list_output {
	struct table *table; /* NULL: none */
	struct cli_array array;
	bool json;
};

static void output_begin(struct list_output *output, bool json)
{
	*output = (struct list_output){ .json = json };
	if (json)
		cli_array_begin(&output->array);
	else if (table_wanted())
		output->table = table_begin(titles);
}

static void output_row(struct list_output *output, const struct list_row *shown)
{
	if (output->json)
		cli_array_row(&output->array, list_json(shown));
	else if (output->table)
		list_table_row(output->table, shown);
	else
		list_print(shown);
}

static void output_end(struct list_output *output)
{
	if (output->json)
		cli_array_end(&output->array);
	if (output->table)
		table_end(output->table);
}

/* Data for the rows besides their entries. All of it is read before the first row is printed, so
 * that a failure doesn't leave an incomplete JSON array. */
struct list_source {
	struct list_device *devices; /* in the order of the rows, which are sorted by interface */
	size_t device_count;
	struct conflict_table conflicts;
	char node[IDENTITY_NODE_MAX + 1];
	bool stamped[L2RESP_LEASE_SLOTS]; /* remaining_ms was read */
	uint64_t remaining_ms[L2RESP_LEASE_SLOTS];
};

static void source_free(struct list_source *source)
{
	free(source->devices);
	conflict_table_free(&source->conflicts);
}

static int source_add_device(struct list_source *source, const struct pins *pins,
			     const struct device_table *devices, uint32_t ifindex, struct err *err)
{
	if (source->device_count && source->devices[source->device_count - 1].ifindex == ifindex)
		return 0;
	source->devices =
		xreallocarray(source->devices, source->device_count + 1, sizeof(*source->devices));
	return list_device_read(pins, devices, ifindex, &source->devices[source->device_count++],
				err);
}

static int source_read(struct list_source *source, const char *bpffs, const struct pins *pins,
		       const struct entry_table *table, const struct list_filter *filter,
		       struct err *err)
{
	struct device_table devices;
	int r = device_read_all(pins, &devices, err);

	if (!r)
		r = conflict_read_all(pins, &source->conflicts, err);
	identity_read_node(bpffs, source->node);
	for (size_t i = 0; i < table->count && !r; i++) {
		const struct entry_row *row = &table->rows[i];
		uint8_t slot = row->head.lease;

		if (!filter_passes(filter, row))
			continue;
		if (!source->stamped[slot])
			r = entry_lease_remaining(pins, slot, &source->remaining_ms[slot], err);
		source->stamped[slot] = true;
		if (!r)
			r = source_add_device(source, pins, &devices, row->key.ifindex, err);
	}
	return r;
}

static int list_rows(const struct cli_options *options, const struct pins *pins,
		     const struct entry_table *table, const struct list_filter *filter,
		     struct err *err)
{
	_cleanup_(source_free) struct list_source source = {};
	const struct list_device *device;
	struct list_output output;
	int r = source_read(&source, options->bpffs, pins, table, filter, err);

	if (r < 0)
		return r;
	output_begin(&output, options->json);
	device = source.devices;
	for (size_t i = 0; i < table->count && !ferror(stdout); i++) {
		const struct entry_row *row = &table->rows[i];

		if (!filter_passes(filter, row))
			continue;
		while (device->ifindex != row->key.ifindex)
			device++;
		output_row(&output,
			   &(struct list_row){
				   .entry = row,
				   .device = device,
				   .node = source.node,
				   .remaining_ms = source.remaining_ms[row->head.lease],
				   .conflicts = conflict_count(&source.conflicts, &row->key),
			   });
	}
	output_end(&output);
	return 0;
}

/* True unless @word may be an interface's name: that has no colon or slash, and seldom begins with
 * a digit. */
static bool looks_like_address(const char *word)
{
	return strpbrk(word, ":/") || (word[0] >= '0' && word[0] <= '9' && strchr(word, '.'));
}

/* Parses "[ADDR...] [[dev] IFACE]". Returns an exit status; errors are printed. */
static int filter_parse(const struct cli_options *options, int count, char **words,
			struct list_filter *filter)
{
	filter->ipv4 = options->ipv4;
	filter->ipv6 = options->ipv6;
	filter->answered = options->answered;
	filter->ranges = xcalloc(count + 1, sizeof(*filter->ranges));
	while (count && looks_like_address(words[0])) {
		struct err err;
		int r = addr_range_parse(words[0], &filter->ranges[filter->range_count], &err);

		if (r == -EINVAL)
			return cli_usage(&cmd_list, "%s", err.text);
		if (r < 0)
			return cli_fail(&err);
		filter->range_count++;
		words++;
		count--;
	}
	return count ? cli_take_dev(&cmd_list, count, words, &filter->dev) : CLI_DONE;
}

static void filter_free(struct list_filter *filter)
{
	free(filter->ranges);
}

static int list_run(const struct cli_options *options, int count, char **words)
{
	_cleanup_(entry_table_free) struct entry_table table = {};
	_cleanup_(filter_free) struct list_filter filter = {};
	_cleanup_(pins_close) struct pins pins = PINS_NONE;
	struct link link = {};
	struct err err;
	int r = filter_parse(options, count, words, &filter);

	if (r)
		return r;
	r = pins_open(options->bpffs, &pins, &err);
	if (r == -ENOENT && !*err.text) {
		/* nothing is pinned: print an empty list, if the interface exists */
		if (filter.dev && link_by_name(filter.dev, &link, &err) < 0)
			return cli_fail(&err);
		if (options->json)
			puts("[]");
		return CLI_DONE;
	}
	if (!r && filter.dev)
		r = device_resolve(&pins, filter.dev, &link, &err);
	if (!r)
		r = entry_read_all(&pins, link.ifindex, &table, &err);
	if (!r)
		r = list_rows(options, &pins, &table, &filter, &err);
	return r < 0 ? cli_fail(&err) : CLI_DONE;
}

const struct cli_command cmd_list = {
	.name = "list",
	.aliases = (const char *const[]){ "show", "ls", NULL },
	.words = "[ADDR|CIDR|FIRST-LAST...] [dev IFACE]",
	.summary = "Show addresses, whether they answer, and how often they did",
	.options = (const struct cli_option *const[]){ &cli_opt_ipv4, &cli_opt_ipv6,
						       &cli_opt_answered, NULL },
	.details =
		"All addresses, or those that are named: on a terminal as a table, in a pipe or a file\n"
		"as a line for each address.\n\n"
		"Examples:\n"
		"  " CLI_NAME " list\n"
		"  " CLI_NAME " list 10.0.10.0/24 2001:db8::10\n"
		"  " CLI_NAME " list -4 --answered\n"
		"  " CLI_NAME " list dev eth1 --json\n",
	.run = list_run,
};
