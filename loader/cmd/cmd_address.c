// SPDX-License-Identifier: GPL-2.0-or-later
/* add, del: addresses by hand. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "cleanup.h"
#include "cli.h"
#include "device.h"
#include "entry.h"
#include "link.h"
#include "report.h"
#include "serve.h"
#include "spec.h"

#define RANGE_WORDS "ADDR|CIDR|FIRST-LAST"

/* "ADDR... dev IFACE", an address being a CIDR or a range too. */
struct targets {
	int count;
	struct spec *specs; /* of one interface, with the same words after it */
};

static void targets_free(struct targets *targets)
{
	free(targets->specs);
}

/* Reports which of @words is wrong; "dev" is missing among them. */
static int fail_without_dev(const struct cli_command *command, int count, char **words)
{
	struct addr_range ignored;
	struct err err;

	for (int i = 0; i < count; i++)
		if (addr_range_parse(words[i], &ignored, &err) == -EINVAL)
			return cli_usage(command, "%s%s", err.text,
					 i ? "; 'dev IFACE' is missing too" : "");
	if (!count)
		return cli_usage(command, "an address is missing");
	return cli_usage(command, "'dev IFACE' is missing after %s", words[count - 1]);
}

/* @more: words may follow the interface. Returns an exit status; errors are printed. */
static int targets_parse(const struct cli_command *command, int count, char **words, bool more,
			 struct targets *targets)
{
	_cleanup_free_ char **one = NULL;
	int dev = 0;

	while (dev < count && strcmp(words[dev], "dev"))
		dev++;
	if (dev == count)
		return fail_without_dev(command, count, words);
	if (!dev)
		return cli_usage(command, "an address is missing before 'dev'");
	if (dev + 1 == count)
		return cli_usage(command, "'dev' needs an interface");
	if (!more && dev + 2 < count)
		return cli_usage(command, "'%s' is one word too many", words[dev + 2]);
	targets->specs = xcalloc(dev, sizeof(*targets->specs));
	one = xcalloc(count - dev + 2, sizeof(*one));
	/* also copies the final NULL */
	memcpy(one + 1, words + dev, (count - dev + 1) * sizeof(*one));
	for (; targets->count < dev; targets->count++) {
		struct err err;
		int r;

		one[0] = words[targets->count];
		r = spec_parse(count - dev + 1, one, &targets->specs[targets->count], &err);
		if (r == -EINVAL)
			return cli_usage(command, "%s", err.text);
		if (r < 0)
			return cli_fail(&err);
	}
	return CLI_DONE;
}

static int add_targets(struct pins *pins, const struct targets *targets, const struct link *link,
		       struct entry_added *ret_added, struct err *err)
{
	_cleanup_(spec_list_free) struct spec_list list = {};
	int r = 0;

	for (int i = 0; !r && i < targets->count; i++)
		r = spec_list_append(&list, &targets->specs[i], link, 0, pins->max_entries, err);
	return r < 0 ? r
		     : serve_add(pins, link, 1, list.wanted, list.count, NULL, cli_note, ret_added,
				 err);
}

static int add_run(const struct cli_options *options, int count, char **words)
{
	_cleanup_(targets_free) struct targets targets = {};
	_cleanup_(pins_close) struct pins pins = PINS_NONE;
	struct entry_added added;
	struct link link;
	struct err err;
	int r = targets_parse(&cmd_add, count, words, true, &targets);

	if (r)
		return r;
	/* report a missing interface before creating maps and waiting for the lock */
	r = link_for_arp(targets.specs[0].dev, &link, &err);
	if (!r)
		r = cli_open_locked(options, true, &pins, &err);
	if (!r) {
		/* look it up again: it may have been recreated while another writer held the lock
		 */
		r = link_for_arp(targets.specs[0].dev, &link, &err);
		if (!r)
			r = add_targets(&pins, &targets, &link, &added, &err);
		if (r < 0)
			pins_undo_create(&pins);
	}
	if (r < 0)
		return cli_fail(&err);
	report_added(options, link.name, &added);
	if (!cli_note_lag_port(&link))
		cli_note_unless_attached(&pins, &link);
	return CLI_DONE;
}

const struct cli_command cmd_add = {
	.name = "add",
	.words = RANGE_WORDS "... dev IFACE [mac MAC] [override off]",
	.summary = "Answer for addresses on an interface",
	.details =
		"A CIDR is every address in it, the first and the last too. All addresses are added, or\n"
		"none. Without mac they are answered with the interface's own MAC.\n"
		"A MAC is written aa:bb:cc:dd:ee:ff, aa-bb-cc-dd-ee-ff or aabb.ccdd.eeff. If it isn't the\n"
		"interface's own, it is added to the interface's filter, so that frames arrive. For an\n"
		"IPv6 address the solicited-node group is joined.\n"
		"'override off', IPv6 only: advertise without the override flag, so that a neighbour\n"
		"that has learnt another MAC keeps that.\n"
		"Addresses of a VLAN device are answered in that VLAN, by the program on its parent or, if\n"
		"that sees no tags (a bond, team, bridge or macvlan), on the VLAN device.\n\n"
		"Examples:\n"
		"  " CLI_NAME " add 10.0.10.0 dev eth1\n"
		"  " CLI_NAME " add 10.0.10.1 10.0.10.7 2001:db8::7 dev eth1\n"
		"  " CLI_NAME " add 10.0.10.0/24 dev eth1\n"
		"  " CLI_NAME " add 10.0.10.7-10.0.10.9 dev eth1 mac 02:00:00:00:00:01\n"
		"  " CLI_NAME " add 2001:db8::10 dev eth1\n"
		"  " CLI_NAME " add 10.0.10.0 dev eth1.100\n",
	.run = add_run,
};

/* Reports that nothing matches or, with @leased, that only the agent's addresses match. */
static int err_not_deleted(struct err *err, bool leased, const char *address, const char *dev)
{
	if (leased)
		return err_set(err, -EPERM,
			       "%s dev %s is announced by the agent; change its policy instead",
			       address, dev);
	return err_set(err, -ENOENT, "%s dev %s: no such address", address, dev);
}

/* Checks that @spec matches an address that may be deleted; the agent's may not while their lease
 * is valid. */
static int check_deletable(const struct pins *pins, const struct entry_table *table,
			   const struct spec *spec, const char *address, struct err *err)
{
	bool leased = false;

	for (size_t i = 0; i < table->count; i++) {
		const struct entry_row *row = &table->rows[i];
		uint64_t remaining_ms;
		int r;

		if (!addr_range_has(&spec->range, &row->key.address))
			continue;
		r = entry_lease_remaining(pins, row->head.lease, &remaining_ms, err);
		if (r < 0 || row->head.lease == L2RESP_LEASE_FOREVER || !remaining_ms)
			return r;
		leased = true;
	}
	return err_not_deleted(err, leased, address, spec->dev);
}

/* All or none: if one target matches nothing, none is deleted. */
static int check_all_deletable(const struct pins *pins, const struct targets *targets,
			       uint32_t ifindex, char **words, struct err *err)
{
	_cleanup_(entry_table_free) struct entry_table table = {};
	int r = entry_read_all(pins, ifindex, &table, err);

	for (int i = 0; !r && i < targets->count; i++)
		r = check_deletable(pins, &table, &targets->specs[i], words[i], err);
	return r;
}

static int del_targets(const struct pins *pins, const struct targets *targets, uint32_t ifindex,
		       struct serve_deleted *ret_deleted, struct err *err)
{
	struct serve_deleted sum = {};

	for (int i = 0; i < targets->count; i++) {
		struct serve_deleted deleted;
		int r = serve_delete(pins, &targets->specs[i].range, ifindex, cli_note, &deleted,
				     err);

		if (r < 0)
			return r;
		sum.deleted += deleted.deleted;
		sum.leased += deleted.leased;
	}
	*ret_deleted = sum;
	return 0;
}

static int del_run(const struct cli_options *options, int count, char **words)
{
	_cleanup_(targets_free) struct targets targets = {};
	_cleanup_(pins_close) struct pins pins = PINS_NONE;
	struct serve_deleted deleted;
	const char *dev;
	struct link link;
	struct err err;
	int r = targets_parse(&cmd_del, count, words, false, &targets);

	if (r)
		return r;
	dev = targets.specs[0].dev;
	r = cli_open_locked(options, false, &pins, &err);
	/* nothing is pinned */
	if (r == -ENOENT && !*err.text)
		r = err_not_deleted(&err, false, words[0], dev);
	if (!r)
		r = device_resolve(&pins, dev, &link, &err);
	/* a single target is checked by the deletion itself, without reading all entries */
	if (!r && targets.count > 1)
		r = check_all_deletable(&pins, &targets, link.ifindex, words, &err);
	if (!r)
		r = del_targets(&pins, &targets, link.ifindex, &deleted, &err);
	if (!r && !deleted.deleted)
		r = err_not_deleted(&err, deleted.leased, words[0], dev);
	if (r < 0)
		return cli_fail(&err);
	report_deleted(options, link.name, &deleted);
	return CLI_DONE;
}

const struct cli_command cmd_del = {
	.name = "del",
	.aliases = (const char *const[]){ "rm", NULL },
	.words = RANGE_WORDS "... dev IFACE",
	.summary = "Delete addresses, so that they aren't answered for any more",
	.details =
		"Of a range, the addresses that exist are deleted, and their counts with them. If one of\n"
		"several arguments matches nothing, nothing is deleted. The agent's addresses stay,\n"
		"unless their lease is over.\n\n"
		"Examples:\n"
		"  " CLI_NAME " del 10.0.10.0 dev eth1\n"
		"  " CLI_NAME " del 10.0.10.1 10.0.10.7 dev eth1\n"
		"  " CLI_NAME " del 10.0.10.0/24 dev eth1\n",
	.run = del_run,
};
