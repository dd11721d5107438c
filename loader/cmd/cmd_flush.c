// SPDX-License-Identifier: GPL-2.0-or-later
/* flush: all addresses, of an interface or of all. */
#include <errno.h>

#include "attach_state.h"
#include "cleanup.h"
#include "cli.h"
#include "device.h"
#include "link.h"
#include "report.h"
#include "serve.h"

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
		r = attach_query(pins_maps(pins), devices.rows[i].ifindex, &state, err);
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
