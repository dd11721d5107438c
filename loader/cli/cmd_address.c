// SPDX-License-Identifier: GPL-2.0-or-later
/* add, del, list, flush: addresses by hand. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

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
#include "serve.h"
#include "spec.h"
#include "text.h"
#include "vlan.h"

#define RANGE_WORDS "ADDR|CIDR|FIRST-LAST"

static int add_spec(struct pins *pins, const struct spec *spec, const struct link *link,
		    struct entry_added *ret_added, struct err *err)
{
	_cleanup_(spec_list_free) struct spec_list list = {};
	int r = spec_list_append(&list, spec, link, 0, pins->max_entries, err);

	return r < 0 ? r
		     : serve_add(pins, link, 1, list.wanted, list.count, NULL, cli_note, ret_added,
				 err);
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
	/* one that isn't there is said before anything is made, or waited for */
	if (!r)
		r = link_for_arp(spec.dev, &link, &err);
	if (!r)
		r = cli_open_locked(options, true, &pins, &err);
	if (!r) {
		/* and again: it may have been made anew while another writer had the lock */
		r = link_for_arp(spec.dev, &link, &err);
		if (!r)
			r = add_spec(&pins, &spec, &link, &added, &err);
		if (r < 0)
			pins_undo_create(&pins);
	}
	if (r < 0)
		return cli_fail(&err);
	report_added(options, link.name, &added);
	cli_note_unless_attached(&pins, &link);
	return CLI_DONE;
}

const struct cli_command cmd_add = {
	.name = "add",
	.words = SPEC_WORDS,
	.summary = "Answer for addresses on an interface",
	.details =
		"A CIDR stands for every address in it, the first and the last too. Without mac the\n"
		"answer follows the interface's own MAC. 'override off', IPv6 only: advertised without\n"
		"the override flag, so that a neighbour keeps another MAC that it has learnt.\n"
		"A MAC that isn't the interface's own is put into its filter too, and the group of an\n"
		"IPv6 address joined, so that frames arrive. All of them are added, or none.\n"
		"For a VLAN device the program on its parent answers, in that VLAN.\n\n"
		"Examples:\n"
		"  " CLI_NAME " add 10.0.10.0 dev eth1\n"
		"  " CLI_NAME " add 10.0.10.0/24 dev eth1\n"
		"  " CLI_NAME " add 10.0.10.7-10.0.10.9 dev eth1 mac 02:00:00:00:00:01\n"
		"  " CLI_NAME " add 2001:db8::10 dev eth1\n"
		"  " CLI_NAME " add 10.0.10.0 dev eth1.100\n",
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
	struct serve_deleted deleted;
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
		r = serve_delete(&pins, &spec.range, link.ifindex, cli_note, &deleted, &err);
	if (!r && !deleted.deleted && deleted.leased)
		r = err_set(&err, -EPERM,
			    "%s dev %s is announced by the agent; change its policy instead",
			    words[0], spec.dev);
	else if (!r && !deleted.deleted)
		r = err_set(&err, -ENOENT, "%s dev %s: no such address", words[0], spec.dev);
	if (r < 0)
		return cli_fail(&err);
	report_deleted(options, link.name, &deleted);
	return CLI_DONE;
}

const struct cli_command cmd_del = {
	.name = "del",
	.words = RANGE_WORDS " dev IFACE",
	.summary = "Stop answering for addresses",
	.details = "Of a range, those that are there. Their counts go with them. What the agent\n"
		   "announces is left to it, unless its lease is over.\n\n"
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
	bool up; /* with carrier */
	bool gone;
	uint8_t mac[ETH_ALEN]; /* of one that isn't gone */
	struct vlan_path path;
};

static int list_device_read(const struct pins *pins, const struct device_table *devices,
			    uint32_t ifindex, struct list_device *device, struct err *err)
{
	const struct device_row *row = device_find(devices, ifindex);
	struct vlan_hook hook;
	struct err ignored;
	int r;

	*device = (struct list_device){ .ifindex = ifindex, .gone = !row || row->gone };
	if (!row || row->gone) {
		if (row)
			memcpy(device->name, row->name, sizeof(device->name));
		else
			snprintf(device->name, sizeof(device->name), "if%u", ifindex);
		return 0;
	}
	memcpy(device->name, row->name, sizeof(device->name));
	memcpy(device->mac, row->link.mac, sizeof(device->mac));
	r = vlan_find_hook(pins, ifindex, &hook, err);
	device->attached = !r && attach_is_current(&hook.state);
	device->up = (row->link.flags & IFF_UP) && (row->link.flags & IFF_RUNNING);
	/* one whose parent is elsewhere has none to show */
	vlan_path_of(&row->link, &device->path, &ignored);
	return r;
}

/* What is shown of an address beside its entry. */
struct list_row {
	const struct entry_row *entry;
	const struct list_device *device;
	const char *node; /* this host's name among agents; empty: it has none */
	uint64_t remaining_ms;
	uint64_t conflicts;
};

/* Answered all the same, with a MAC that the interface had once. */
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
	json_t *json = json_pack("{s:s, s:o, s:I, s:s, s:b, s:b}", "ip",
				 address_format(&row->key.address, ip), "dev",
				 text_json(device->name), "ifindex", (json_int_t)row->key.ifindex,
				 "mac", mac_format(head->mac, mac), "mac_fixed",
				 !!(head->flags & ENTRY_MAC_FIXED), "mac_stale", mac_stale(shown));

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

static void list_print(const struct list_row *shown)
{
	const struct entry_row *row = shown->entry;
	const struct list_device *device = shown->device;
	char ip[INET6_ADDRSTRLEN], mac[MAC_TEXT_SIZE], name[LEASE_NAME_SIZE];
	const struct entry_head *head = &row->head;

	printf("%s dev %s mac %s%s%s%s %s responses_sent %llu",
	       address_format(&row->key.address, ip), device->name, mac_format(head->mac, mac),
	       head->flags & ENTRY_MAC_FIXED ? " fixed" : "", mac_stale(shown) ? " stale" : "",
	       head->flags & ENTRY_NO_OVERRIDE ? " override off" : "",
	       !device->attached     ? "not-attached"
	       : !device->up	     ? "link-down"
	       : row->damaged	     ? "damaged"
	       : shown->remaining_ms ? "answering"
				     : "lease-over",
	       (unsigned long long)row->responses_sent);
	if (head->lease != L2RESP_LEASE_FOREVER)
		printf(" lease %s%s%s remaining %llums", lease_name_format(&row->key.address, name),
		       *shown->node ? " holder " : "", shown->node,
		       (unsigned long long)shown->remaining_ms);
	if (shown->conflicts)
		printf(" conflicts %llu", (unsigned long long)shown->conflicts);
	putchar('\n');
}

static int list_rows(const struct pins *pins, const struct entry_table *table, const char *node,
		     bool json, struct err *err)
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
		struct list_row shown = {
			.entry = row,
			.device = &device,
			.node = node,
			.conflicts = conflict_count(&conflicts, &row->key),
		};

		r = entry_lease_remaining(pins, row->head.lease, &shown.remaining_ms, err);
		if (!r && row->key.ifindex != device.ifindex)
			r = list_device_read(pins, &devices, row->key.ifindex, &device, err);
		if (r < 0)
			return r;
		if (json)
			cli_array_row(&array, list_json(&shown));
		else
			list_print(&shown);
	}
	if (json)
		cli_array_end(&array);
	return 0;
}

static int list_run(const struct cli_options *options, int count, char **words)
{
	_cleanup_(entry_table_free) struct entry_table table = {};
	_cleanup_(pins_close) struct pins pins = PINS_NONE;
	char node[IDENTITY_NODE_MAX + 1];
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
	identity_read_node(options->bpffs, node);
	if (!r)
		r = list_rows(&pins, &table, node, options->json, &err);
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

static int flush_all(const struct cli_options *options, struct serve_deleted *ret_deleted,
		     struct err *err)
{
	_cleanup_(pins_close) struct pins pins = PINS_NONE;
	bool attached;
	/* creates what a killed command left out, to remove it in one piece */
	int r = cli_open_locked(options, true, &pins, err);

	if (!r)
		r = attached_anywhere(&pins, &attached, err);
	if (!r)
		r = serve_delete(&pins, NULL, 0, cli_note, ret_deleted, err);
	if (!r && !attached && !ret_deleted->leased)
		r = pins_remove(&pins, err);
	return r;
}

static int flush_dev(const struct cli_options *options, const char *name,
		     struct serve_deleted *ret_deleted, struct err *err)
{
	_cleanup_(pins_close) struct pins pins = PINS_NONE;
	struct link link;
	int r = cli_open_locked(options, false, &pins, err);

	*ret_deleted = (struct serve_deleted){};
	if (r == -ENOENT && !*err->text)
		return link_by_name(name, &link, err);
	if (!r)
		r = device_resolve(&pins, name, &link, err);
	if (!r)
		r = serve_delete(&pins, NULL, link.ifindex, cli_note, ret_deleted, err);
	return r;
}

static int flush_run(const struct cli_options *options, int count, char **words)
{
	struct serve_deleted deleted;
	const char *name;
	struct err err;
	int r;

	if (options->all && count)
		return cli_usage(&cmd_flush, "--all goes without 'dev IFACE'");
	if (!options->all && cli_take_dev(&cmd_flush, count, words, &name))
		return CLI_USAGE;
	if (options->all)
		r = flush_all(options, &deleted, &err);
	else
		r = flush_dev(options, name, &deleted, &err);
	if (r < 0)
		return cli_fail(&err);
	report_deleted(options, NULL, &deleted);
	return CLI_DONE;
}

const struct cli_command cmd_flush = {
	.name = "flush",
	.words = "dev IFACE | --all",
	.summary = "Delete all addresses but those that the agent holds",
	.options = (const struct cli_option *const[]){ &cli_opt_all, NULL },
	.details =
		"An agent's addresses go too once their lease is over, as when it ended for good.\n"
		"--all removes the pinned maps too, counts and all, once the program runs nowhere.\n\n"
		"Examples:\n"
		"  " CLI_NAME " flush dev eth1\n"
		"  " CLI_NAME " detach --all && " CLI_NAME " flush --all\n",
	.run = flush_run,
};
