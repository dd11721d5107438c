// SPDX-License-Identifier: GPL-2.0-or-later
/* flush: deletes all addresses, of one interface or of all. */
#include <errno.h>
#include <time.h>

#include "attach_state.h"
#include "cleanup.h"
#include "cli.h"
#include "clock.h"
#include "device.h"
#include "link.h"
#include "report.h"
#include "serve.h"
#include "signals.h"

/* *ret_attached: the program runs on a recorded interface. */
static int attached_anywhere(const struct pins *pins, bool *ret_attached, struct err *err)
{
	struct device_table devices;
	int r = device_read_all(pins, &devices, err);

	*ret_attached = false;
	for (unsigned int i = 0; i < devices.count && !r; i++) {
		struct attach_state state;

		if (devices.rows[i].gone)
			continue;
		r = attach_query(pins_maps(pins), devices.rows[i].ifindex, &state, err);
		if (r == -ENODEV) { /* deleted meanwhile */
			r = 0;
			continue;
		}
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
	/* creates maps that a killed command left out, so that all pins can be removed together */
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

/* @name: NULL for all interfaces. */
static int flush_once(const struct cli_options *options, const char *name,
		      struct serve_deleted *ret_deleted, struct err *err)
{
	return options->all ? flush_all(options, ret_deleted, err)
			    : flush_dev(options, name, ret_deleted, err);
}

/*
 * With --wait, repeats the flush until the agent's addresses are deleted, too: after the agent has
 * ended its lease expires. -ETIME: the agent still holds the lease after that many seconds.
 */
static int flush_repeat(const struct cli_options *options, const char *name,
			struct serve_deleted *ret_deleted, struct err *err)
{
	const struct timespec pause = { .tv_nsec = 100000000 };
	uint64_t deadline_ns = clock_boot_ns() + options->wait_seconds * 1e9;
	int r = flush_once(options, name, ret_deleted, err);

	while (!r && ret_deleted->leased && options->wait_seconds) {
		size_t before = ret_deleted->deleted;

		if (clock_boot_ns() >= deadline_ns)
			return err_set(err, -ETIME,
				       "%zu address%s of the agent left after %g s: it still holds "
				       "the lease; stop xdp-l2respd first, or wait for longer",
				       ret_deleted->leased, report_plural(ret_deleted->leased),
				       options->wait_seconds);
		signals_release();
		nanosleep(&pause, NULL);
		r = flush_once(options, name, ret_deleted, err);
		ret_deleted->deleted += before;
	}
	return r;
}

static int flush_run(const struct cli_options *options, int count, char **words)
{
	struct serve_deleted deleted;
	const char *name = NULL;
	struct err err;
	int r;

	if (options->all && count)
		return cli_usage(&cmd_flush, "--all goes without 'dev IFACE'");
	if (!options->all && cli_take_dev(&cmd_flush, count, words, &name))
		return CLI_USAGE;
	r = flush_repeat(options, name, &deleted, &err);
	if (r < 0)
		return cli_fail(&err);
	report_deleted(options, NULL, &deleted);
	return CLI_DONE;
}

const struct cli_command cmd_flush = {
	.name = "flush",
	.words = "dev IFACE | --all",
	.summary = "Delete all addresses but those that the agent holds",
	.options = (const struct cli_option *const[]){ &cli_opt_all, &cli_opt_wait, NULL },
	.details =
		"The agent's addresses are deleted too once their lease is over, as it is a while after\n"
		"the agent ended. --wait waits for that, and fails if the agent still holds the lease.\n"
		"--all also removes the pinned maps and counts, if the program runs nowhere.\n\n"
		"Examples:\n"
		"  " CLI_NAME " flush dev eth1\n"
		"  " CLI_NAME " detach --all && " CLI_NAME " flush --all\n"
		"  " CLI_NAME " flush --all --wait 60\n",
	.run = flush_run,
};
