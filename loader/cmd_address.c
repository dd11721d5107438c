// SPDX-License-Identifier: GPL-2.0-or-later
/* add, del, list, flush: addresses by hand. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "attach.h"
#include "cleanup.h"
#include "cli.h"
#include "conflict.h"
#include "device.h"
#include "entry.h"
#include "filter.h"
#include "link.h"
#include "spec.h"

#define RANGE_WORDS "ADDR|CIDR|FIRST-LAST"

static const char *plural(size_t count)
{
	return count == 1 ? "" : "es";
}

static int add_spec(const struct pins *pins, const struct spec *spec, const struct link *link,
		    struct entry_added *ret_added, struct err *err)
{
	_cleanup_(spec_list_free) struct spec_list list = {};
	struct device_recorded recorded = {};
	int r = spec_list_append(&list, spec, link, 0, pins->max_entries, err);

	if (!r)
		r = device_record(pins, link, &recorded, err);
	if (r < 0)
		return r;
	r = entry_add(pins, list.wanted, list.count, NULL, ret_added, err);
	if (r < 0)
		device_undo_record(pins, link, &recorded);
	else if (recorded.moved)
		filter_sync(pins, link->ifindex, cli_note);
	else
		filter_added(pins, link, list.wanted, list.count, cli_note);
	return r;
}

static int add_run(const struct cli_options *options, int count, char **words)
{
	_cleanup_(pins_close) struct pins pins = PINS_NONE;
	struct entry_added added;
	struct spec spec;
	struct link link;
	struct err err;
	int r;

	if (count < 3 || strcmp(words[1], "dev"))
		return cli_usage(&cmd_add, "'ADDR dev IFACE' is what it takes");
	r = spec_parse(count, words, &spec, &err);
	if (r == -EINVAL)
		return cli_usage(&cmd_add, "%s", err.text);
	if (!r)
		r = link_for_arp(spec.dev, &link, &err);
	if (!r)
		r = cli_open_locked(options, true, &pins, &err);
	if (!r) {
		r = add_spec(&pins, &spec, &link, &added, &err);
		if (r < 0)
			pins_undo_create(&pins);
	}
	if (r < 0)
		return cli_fail(&err);
	if (options->json)
		cli_print_json(json_pack("{s:I, s:I}", "added", (json_int_t)added.added, "present",
					 (json_int_t)added.present));
	else if (added.present)
		printf("%s: %zu address%s added, %zu there already\n", link.name, added.added,
		       plural(added.added), added.present);
	else
		printf("%s: %zu address%s added\n", link.name, added.added, plural(added.added));
	cli_note_unless_attached(&pins, &link);
	return CLI_DONE;
}

const struct cli_command cmd_add = {
	.name = "add",
	.words = RANGE_WORDS " dev IFACE [mac MAC]",
	.summary = "Answer for addresses on an interface",
	.details =
		"A CIDR stands for every address in it, the first and the last too. Without mac the\n"
		"answer follows the interface's own MAC. Another MAC is put into the interface's filter too,\n"
		"so that frames to it arrive. All of them are added, or none.\n\n"
		"Examples:\n"
		"  " CLI_NAME " add 10.0.10.0 dev eth1\n"
		"  " CLI_NAME " add 10.0.10.0/24 dev eth1\n"
		"  " CLI_NAME " add 10.0.10.7-10.0.10.9 dev eth1 mac 02:00:00:00:00:01\n",
	.run = add_run,
};

/* Pins for commands that have nothing to do without: -ENOENT becomes a sentence. */
static int pins_needed(int r, const char *what, struct err *err)
{
	if (r == -ENOENT && !*err->text)
		return err_set(err, r, "%s: no such address", what);
	return r;
}

static int del_run(const struct cli_options *options, int count, char **words)
{
	_cleanup_(pins_close) struct pins pins = PINS_NONE;
	size_t deleted, leased;
	struct spec spec;
	struct link link;
	struct err err;
	int r;

	if (count != 3 || strcmp(words[1], "dev"))
		return cli_usage(&cmd_del, "'ADDR dev IFACE' is what it takes");
	r = spec_parse(count, words, &spec, &err);
	if (r == -EINVAL)
		return cli_usage(&cmd_del, "%s", err.text);
	if (!r)
		r = pins_needed(cli_open_locked(options, false, &pins, &err), words[0], &err);
	if (!r)
		r = device_resolve(&pins, spec.dev, &link, &err);
	if (!r)
		r = entry_delete(&pins, &spec.range, link.ifindex, &deleted, &leased, &err);
	if (!r && !deleted && leased)
		r = err_set(&err, -EPERM,
			    "%s dev %s is announced by the agent; change its policy instead",
			    words[0], spec.dev);
	else if (!r && !deleted)
		r = err_set(&err, -ENOENT, "%s dev %s: no such address", words[0], spec.dev);
	if (r < 0)
		return cli_fail(&err);
	filter_deleted(&pins, link.ifindex, cli_note);
	if (leased)
		cli_note("%zu address%s of the agent left", leased, plural(leased));
	if (options->json)
		cli_print_json(json_pack("{s:I}", "deleted", (json_int_t)deleted));
	else
		printf("%s: %zu address%s deleted\n", link.name, deleted, plural(deleted));
	return CLI_DONE;
}

const struct cli_command cmd_del = {
	.name = "del",
	.words = RANGE_WORDS " dev IFACE",
	.summary = "Stop answering for addresses",
	.details = "Of a range, those that are there. Their counts go with them.\n\n"
		   "Examples:\n"
		   "  " CLI_NAME " del 10.0.10.0 dev eth1\n"
		   "  " CLI_NAME " del 10.0.10.0/24 dev eth1\n",
	.run = del_run,
};

/* What list says of an interface, asked once for all its rows. */
struct list_device {
	uint32_t ifindex;
	char name[IFNAMSIZ];
	bool attached;
};

static int list_device_read(const struct pins *pins, const struct device_table *devices,
			    uint32_t ifindex, struct list_device *device, struct err *err)
{
	const struct device_row *row = device_find(devices, ifindex);
	struct attach_state state;
	int r, ours;

	*device = (struct list_device){ .ifindex = ifindex };
	if (!row || row->gone) {
		if (row)
			memcpy(device->name, row->name, sizeof(device->name));
		else
			snprintf(device->name, sizeof(device->name), "if%u", ifindex);
		return 0;
	}
	memcpy(device->name, row->name, sizeof(device->name));
	r = attach_query(pins, ifindex, &state, err);
	ours = r < 0 ? -1 : attach_find(&state, false);
	device->attached = ours >= 0 && !state.prog[ours].stale;
	return r;
}

static json_t *lease_json(uint8_t slot, uint64_t remaining_ms)
{
	char name[16];

	if (slot == L2RESP_LEASE_FOREVER)
		return json_null();
	snprintf(name, sizeof(name), "slot %u", slot);
	return json_pack("{s:s, s:n, s:I}", "name", name, "holder", "remaining_ms",
			 (json_int_t)remaining_ms);
}

static json_t *list_json(const struct entry_row *row, const struct list_device *device,
			 uint64_t remaining_ms, uint64_t conflicts)
{
	char ip[INET_ADDRSTRLEN], mac[MAC_TEXT_SIZE];
	const struct entry_head *head = &row->value.head;

	return json_pack("{s:s, s:o, s:I, s:s, s:b, s:n, s:o, s:b, s:I, s:I}", "ip",
			 ip4_format(row->key.ip4, ip), "dev", cli_json_name(device->name),
			 "ifindex", (json_int_t)row->key.ifindex, "mac", mac_format(head->mac, mac),
			 "mac_fixed", !!(head->flags & ENTRY_MAC_FIXED), "vlan", "lease",
			 lease_json(head->lease, remaining_ms), "answering",
			 device->attached && remaining_ms, "responses_sent",
			 (json_int_t)entry_responses(&row->value), "conflicts",
			 (json_int_t)conflicts);
}

static void list_print(const struct entry_row *row, const struct list_device *device,
		       uint64_t remaining_ms, uint64_t conflicts)
{
	char ip[INET_ADDRSTRLEN], mac[MAC_TEXT_SIZE];
	const struct entry_head *head = &row->value.head;

	printf("%s dev %s mac %s%s %s responses_sent %llu", ip4_format(row->key.ip4, ip),
	       device->name, mac_format(head->mac, mac),
	       head->flags & ENTRY_MAC_FIXED ? " fixed" : "",
	       !device->attached ? "not-attached"
	       : remaining_ms	 ? "answering"
				 : "lease-over",
	       (unsigned long long)entry_responses(&row->value));
	if (head->lease != L2RESP_LEASE_FOREVER)
		printf(" lease %u remaining %llums", head->lease, (unsigned long long)remaining_ms);
	if (conflicts)
		printf(" conflicts %llu", (unsigned long long)conflicts);
	putchar('\n');
}

static int list_rows(const struct pins *pins, const struct entry_table *table, bool json,
		     struct err *err)
{
	_cleanup_(conflict_table_free) struct conflict_table conflicts = {};
	struct list_device device = {};
	struct device_table devices;
	struct cli_array array;
	int r = device_read_all(pins, &devices, err);

	if (!r)
		r = conflict_read_all(pins, &conflicts, err);
	if (r < 0)
		return r;
	if (json)
		cli_array_begin(&array);
	for (size_t i = 0; i < table->count && !ferror(stdout); i++) {
		const struct entry_row *row = &table->rows[i];
		uint64_t remaining_ms = entry_lease_remaining_ms(pins, row->value.head.lease);
		uint64_t seen = conflict_count(&conflicts, row->key.ip4, row->key.ifindex);

		if (row->key.ifindex != device.ifindex)
			r = list_device_read(pins, &devices, row->key.ifindex, &device, err);
		if (r < 0)
			return r;
		if (json)
			cli_array_row(&array, list_json(row, &device, remaining_ms, seen));
		else
			list_print(row, &device, remaining_ms, seen);
	}
	if (json)
		cli_array_end(&array);
	return 0;
}

static int list_run(const struct cli_options *options, int count, char **words)
{
	_cleanup_(entry_table_free) struct entry_table table = {};
	_cleanup_(pins_close) struct pins pins = PINS_NONE;
	const char *name = NULL;
	struct link link = {};
	struct err err;
	int r;

	if (count && cli_take_dev(&cmd_list, count, words, &name))
		return CLI_USAGE;
	r = pins_open(options->bpffs, &pins, &err);
	if (r == -ENOENT && !*err.text) {
		/* nothing is pinned: an empty list, if the interface is one at all */
		if (name && link_by_name(name, &link, &err) < 0)
			return cli_fail(&err);
		if (options->json)
			puts("[]");
		return CLI_DONE;
	}
	if (!r && name)
		r = device_resolve(&pins, name, &link, &err);
	if (!r)
		r = entry_read_all(&pins, link.ifindex, &table, &err);
	if (!r)
		r = list_rows(&pins, &table, options->json, &err);
	return r < 0 ? cli_fail(&err) : CLI_DONE;
}

const struct cli_command cmd_list = {
	.name = "list",
	.words = "[dev IFACE]",
	.summary = "Show addresses, whether they answer, and how often they did",
	.details = "Examples:\n"
		   "  " CLI_NAME " list\n"
		   "  " CLI_NAME " list dev eth1 --json\n",
	.run = list_run,
};

/* Does the program run on any recorded interface? */
static int attached_anywhere(const struct pins *pins, bool *ret_attached, struct err *err)
{
	struct device_table devices;
	int r = device_read_all(pins, &devices, err);

	*ret_attached = false;
	for (unsigned int i = 0; i < devices.count && !r; i++) {
		struct attach_state state;

		if (devices.rows[i].gone)
			continue;
		r = attach_query(pins, devices.rows[i].ifindex, &state, err);
		if (!r && attach_find(&state, false) >= 0)
			*ret_attached = true;
	}
	return r;
}

static int flush_all(const struct cli_options *options, size_t *ret_deleted, size_t *ret_leased,
		     struct err *err)
{
	_cleanup_(pins_close) struct pins pins = PINS_NONE;
	bool attached;
	/* creates what a killed command left out, to remove it in one piece */
	int r = cli_open_locked(options, true, &pins, err);

	if (!r)
		r = attached_anywhere(&pins, &attached, err);
	if (!r)
		r = entry_delete(&pins, NULL, 0, ret_deleted, ret_leased, err);
	if (!r)
		filter_sync_all(&pins, cli_note);
	if (!r && !attached && !*ret_leased)
		r = pins_remove(&pins, err);
	return r;
}

static int flush_dev(const struct cli_options *options, const char *name, size_t *ret_deleted,
		     size_t *ret_leased, struct err *err)
{
	_cleanup_(pins_close) struct pins pins = PINS_NONE;
	struct link link;
	int r = cli_open_locked(options, false, &pins, err);

	*ret_deleted = *ret_leased = 0;
	if (r == -ENOENT && !*err->text)
		return link_by_name(name, &link, err);
	if (!r)
		r = device_resolve(&pins, name, &link, err);
	if (!r)
		r = entry_delete(&pins, NULL, link.ifindex, ret_deleted, ret_leased, err);
	if (!r)
		filter_deleted(&pins, link.ifindex, cli_note);
	return r;
}

static int flush_run(const struct cli_options *options, int count, char **words)
{
	size_t deleted, leased;
	const char *name;
	struct err err;
	int r;

	if (options->all && count)
		return cli_usage(&cmd_flush, "--all goes without 'dev IFACE'");
	if (!options->all && cli_take_dev(&cmd_flush, count, words, &name))
		return CLI_USAGE;
	if (options->all)
		r = flush_all(options, &deleted, &leased, &err);
	else
		r = flush_dev(options, name, &deleted, &leased, &err);
	if (r < 0)
		return cli_fail(&err);
	if (leased)
		cli_note("%zu address%s of the agent left", leased, plural(leased));
	if (options->json)
		cli_print_json(json_pack("{s:I}", "deleted", (json_int_t)deleted));
	else
		printf("%zu address%s deleted\n", deleted, plural(deleted));
	return CLI_DONE;
}

const struct cli_command cmd_flush = {
	.name = "flush",
	.words = "dev IFACE | --all",
	.summary = "Delete all addresses that were added by hand",
	.options = (const struct cli_option *const[]){ &cli_opt_all, NULL },
	.details =
		"--all removes the pinned maps too, counts and all, once the program runs nowhere.\n\n"
		"Examples:\n"
		"  " CLI_NAME " flush dev eth1\n"
		"  " CLI_NAME " detach --all && " CLI_NAME " flush --all\n",
	.run = flush_run,
};
