// SPDX-License-Identifier: GPL-2.0-or-later
/* attach, detach: the program on interfaces. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "attach.h"
#include "attach_state.h"
#include "cleanup.h"
#include "cli.h"
#include "device.h"
#include "entry.h"
#include "lift.h"
#include "pins_meta.h"
#include "serve.h"
#include "status.h"
#include "vlan.h"

/* The result of attach on one interface. */
struct attached {
	struct link link;
	struct device_recorded recorded;
	struct attach_outcome outcome;
};

/* Undoes attach_one(): detaches the program if it wasn't attached before, else restores its
 * priority. */
static void undo_one(const struct pins *pins, struct attached *attached,
		     const struct attach_options *options)
{
	struct attach_options former = { .mode = ATTACH_MODE_AUTO,
					 .priority = attached->outcome.old_priority };
	struct attach_outcome outcome;
	struct err ignored;

	if (attached->outcome.result == ATTACH_NEW)
		lift_remove(pins, &attached->link, &ignored);
	else if (attached->outcome.result == ATTACH_REPLACED &&
		 options->priority != ATTACH_KEEP_PRIORITY && former.priority != options->priority)
		lift_attach(pins, &attached->link, attached->recorded.counters_slot, &former,
			    &outcome, &ignored);
	device_undo_record(pins, &attached->link, &attached->recorded);
}

static int attach_one(const struct pins *pins, const struct attach_options *options,
		      struct attached *attached, struct err *err)
{
	const struct link *link = &attached->link;
	int r;

	if (!options->dry_run) {
		r = device_record(pins, link, cli_note, &attached->recorded, err);
		if (r < 0)
			return r;
	}
	r = serve_attach(pins, link, attached->recorded.counters_slot, options, cli_note,
			 &attached->outcome, err);
	if (r < 0)
		device_undo_record(pins, link, &attached->recorded);
	return r;
}

/* Applies --max-entries to existing maps. */
static int set_bound(struct pins *pins, uint32_t max_entries, struct err *err)
{
	uint32_t before = pins->max_entries;
	int r;

	if (!max_entries || max_entries == before)
		return 0;
	r = pins_set_max_entries(pins, max_entries, err);
	if (!r)
		cli_note("there may be %u addresses of each family now, %u before", max_entries,
			 before);
	return r;
}

/* Refuses a bound below the maps' size, since they don't shrink. @max_entries: 0: not given. */
static int check_bound(const struct pins *pins, uint32_t max_entries, struct err *err)
{
	for (int family = 0; family < PINS_FAMILIES; family++)
		if (max_entries && max_entries < pins->room[family])
			return err_set(
				err, -EINVAL,
				"there is room for %u addresses already, and maps don't shrink while "
				"they are pinned; see '" CLI_NAME " help flush'",
				pins->room[family]);
	return 0;
}

/* All or none: makes all checks that are possible before it changes the first interface. */
static int attach_all(struct pins *pins, const struct cli_options *options,
		      struct attached *attached, int count, struct err *err)
{
	int r = check_bound(pins, options->max_entries, err), done = 0;

	for (int i = 0; !r && i < count; i++) {
		r = attach_check(pins_maps(pins), &attached[i].link, &options->attach, err);
		/* on a dry run there may be no maps, and so no VLAN devices */
		if (!r && pins->maps.fd[MAPS_VLANS] >= 0)
			r = vlan_check_parent(pins, &attached[i].link, cli_note, err);
	}
	while (!r && done < count) {
		r = attach_one(pins, &options->attach, &attached[done], err);
		done += !r;
	}
	if (!r && !options->attach.dry_run)
		r = set_bound(pins, options->max_entries, err);
	if (r < 0)
		while (done--)
			undo_one(pins, &attached[done], &options->attach);
	return r;
}

static void note_deaf_veth(const struct link *link, enum xdp_attach_mode mode)
{
	struct link peer;

	if (mode == XDP_MODE_NATIVE && link_veth_deaf(link, &peer))
		cli_note(
			"%s: its veth peer, %s, has no XDP program, so answers in native mode won't "
			"arrive there; one that returns XDP_PASS will do",
			link->name, peer.name);
}

/* Prints the results. If a state can't be read, that is only a note: the attach itself succeeded.
 */
static void report(const struct pins *pins, const struct cli_options *options,
		   const struct attached *attached, int count)
{
	static const char *const verbs[] = {
		[ATTACH_NEW] = "attached, ",
		[ATTACH_REPLACED] = "replaced, ",
		[ATTACH_DRY_RUN] = "the program loads and would be attached; now ",
	};
	struct cli_array array;

	if (options->json)
		cli_array_begin(&array);
	for (int i = 0; i < count; i++) {
		const struct link *link = &attached[i].link;
		struct status_row row = {};
		struct err err;
		size_t entries;
		int r = status_count_entries(pins, link->ifindex, &entries, &err);

		if (!r)
			r = status_read(pins, link, entries, &row, &err);
		if (r < 0) {
			cli_note("%s: attached, but its state can't be read: %s", link->name,
				 err.text);
			continue;
		}
		if (*attached[i].outcome.skb_reason)
			cli_note("%s: %s in skb mode, which is slower: %s", link->name,
				 options->attach.dry_run ? "would be attached" : "attached",
				 attached[i].outcome.skb_reason);
		note_deaf_veth(link, row.state.mode);
		cli_note_lag_port(link);
		if (*row.alone_reason && options->attach.priority != ATTACH_KEEP_PRIORITY)
			cli_note("%s: attached alone, where a priority has no effect", link->name);
		if (options->json)
			cli_array_row(&array, status_json(&row));
		else
			status_print(&row, verbs[attached[i].outcome.result]);
	}
	if (options->json)
		cli_array_end(&array);
}

/* Looks up the interfaces, and drops repetitions, also by another name. Returns their number, or a
 * negative errno with @err. */
static int links_resolve(int count, char **words, struct attached *attached, struct err *err)
{
	int kept = 0;

	for (int i = 0; i < count; i++) {
		struct link link;
		int seen = 0, r = link_for_arp(words[i], &link, err);

		if (r < 0)
			return r;
		while (seen < kept && attached[seen].link.ifindex != link.ifindex)
			seen++;
		if (seen == kept)
			attached[kept++].link = link;
	}
	return kept;
}

static int attach_run(const struct cli_options *options, int count, char **words)
{
	_cleanup_(pins_close) struct pins pins = PINS_NONE;
	_cleanup_free_ struct attached *attached = xcalloc(count + 1, sizeof(*attached));
	struct err err;
	int r;

	if (!count)
		return cli_usage(&cmd_attach, "an interface is missing");
	/* report a missing interface before creating maps and waiting for the lock */
	r = links_resolve(count, words, attached, &err);
	if (r < 0)
		return cli_fail(&err);
	if (options->attach.dry_run)
		r = pins_open(options->bpffs, &pins, &err);
	else
		r = cli_open_locked(options, true, &pins, &err);
	if (r < 0 && !(options->attach.dry_run && r == -ENOENT && !*err.text))
		return cli_fail(&err);
	/* look them up again: they may have changed before we got the lock */
	r = count = links_resolve(count, words, attached, &err);
	if (r >= 0)
		r = attach_all(&pins, options, attached, count, &err);
	if (r < 0) {
		pins_undo_create(&pins);
		return cli_fail(&err);
	}
	report(pins.maps.fd[0] < 0 ? NULL : &pins, options, attached, count);
	return CLI_DONE;
}

const struct cli_command cmd_attach = {
	.name = "attach",
	.words = "IFACE...",
	.summary = "Attach the program to interfaces, beside other XDP programs",
	.options =
		(const struct cli_option *const[]){ &cli_opt_mode, &cli_opt_priority,
						    &cli_opt_max_entries, &cli_opt_dry_run, NULL },
	.details =
		"All interfaces or none. Addresses and counts from before are kept. If the program is\n"
		"attached already, this version replaces it without a gap, also where another interface\n"
		"then fails. Another program is never displaced: libxdp's dispatcher calls both, in order\n"
		"of priority. The program on an interface also answers for addresses of the interface's\n"
		"VLAN devices; see add.\n\n"
		"Examples:\n"
		"  " CLI_NAME " attach eth1\n"
		"  " CLI_NAME " attach eth1 eth2 --priority 30\n"
		"  " CLI_NAME " attach eth1 --mode skb\n",
	.run = attach_run,
};

/* Refuses an interface that this network namespace can't change any more. */
static int err_moved(const struct status_row *row, struct err *err)
{
	bool known = *row->moved.link.name;
	char text[ATTACH_MOVED_TEXT_SIZE];

	attach_moved_text(&row->moved, text);
	if (known && row->moved.nsid < 0)
		return err_set(err, -ENODEV, "%s %s; run `" CLI_NAME " detach %s`", row->link.name,
			       text, row->moved.link.name);
	return err_set(err, -ENODEV,
		       "%s %s; run `" CLI_NAME " detach%s%s` there or, so that its program answers "
		       "for nothing, `" CLI_NAME " flush dev %s` here",
		       row->link.name, text, known ? " " : "", row->moved.link.name,
		       row->link.name);
}

static int detach_one(const struct pins *pins, struct status_row *row, struct err *err)
{
	int r = lift_remove(pins, &row->link, err);

	if (!r)
		r = status_read(pins, &row->link, row->entries, row, err);
	if (r < 0 && link_is_gone(row->link.ifindex)) {
		r = 0;
		row->gone = true;
		row->ours = -1;
		row->state = (struct attach_state){};
	}
	return r;
}

static int detach_rows(const struct pins *pins, struct status_row *rows, size_t count, bool json,
		       struct err *err)
{
	size_t done = 0;
	int r = 0;

	for (size_t i = 0; i < count; i++)
		if (rows[i].moved.found)
			return err_moved(&rows[i], err);
	for (size_t i = 0; i < count; i++)
		if (rows[i].ours < 0 && !rows[i].state.empty_id)
			/* it fails, with the reason in @err */
			return attach_remove(pins_maps(pins), &rows[i].link, err);
	while (done < count && r >= 0) {
		r = detach_one(pins, &rows[done], err);
		done += r >= 0;
	}
	/* also if another then fails */
	if (done || !r)
		status_print_all(rows, done, json, "detached; now ");
	return r;
}

static int detach_run(const struct cli_options *options, int count, char **words)
{
	_cleanup_free_ struct status_row *rows = NULL;
	_cleanup_(pins_close) struct pins opened = PINS_NONE;
	const struct pins *pins;
	size_t row_count;
	struct err err;
	int r;

	if (!count && !options->all)
		return cli_usage(&cmd_detach, "an interface, or --all, is missing");
	if (count && options->all)
		return cli_usage(&cmd_detach, "--all goes without interfaces");
	r = pins_open_locked_existing(options->bpffs, &opened, &err);
	r = cli_pins_if_any(r, &opened, &pins, &err);
	/* of another network namespace: the interface may have come from there with the program */
	if (r == -EXDEV)
		r = 0;
	if (!r && options->all) {
		r = status_read_all(pins, &rows, &row_count, &err);
		for (size_t i = 0; !r && i < row_count;) {
			if (rows[i].moved.found) {
				err_moved(&rows[i], &err);
				cli_note("%s", err.text);
			}
			if (rows[i].ours >= 0 || rows[i].state.empty_id)
				i++;
			else
				rows[i] = rows[--row_count];
		}
	} else if (!r) {
		r = status_read_named(pins, count, words, &rows, &row_count, &err);
	}
	if (!r)
		r = detach_rows(pins, rows, row_count, options->json, &err);
	return r < 0 ? cli_fail(&err) : CLI_DONE;
}

const struct cli_command cmd_detach = {
	.name = "detach",
	.words = "IFACE... | --all",
	.summary = "Detach the program from interfaces; other programs stay",
	.options = (const struct cli_option *const[]){ &cli_opt_all, NULL },
	.details = "Addresses and counts stay for the next attach; see flush.\n\n"
		   "Examples:\n"
		   "  " CLI_NAME " detach eth1\n"
		   "  " CLI_NAME " detach --all\n",
	.run = detach_run,
};
