// SPDX-License-Identifier: GPL-2.0-or-later
/* status: prints the interfaces on which the program runs. */
#include <errno.h>
#include <stdio.h>

#include "cleanup.h"
#include "cli.h"
#include "status.h"
#include "table.h"

static int status_run(const struct cli_options *options, int count, char **words)
{
	_cleanup_free_ struct status_row *rows = NULL;
	_cleanup_(pins_close) struct pins opened = PINS_NONE;
	const struct pins *pins;
	const char *name = NULL;
	struct err missing, err;
	size_t row_count = 0;
	bool incomplete;
	int r;

	if (count && cli_take_dev(&cmd_status, count, words, &name))
		return CLI_USAGE;
	r = pins_open_some(options->bpffs, &opened, &err);
	/* the running programs are still shown */
	incomplete = r == -EUCLEAN;
	missing = err;
	r = cli_pins_if_any(incomplete ? 0 : r, &opened, &pins, &err);
	if (!r && name)
		r = status_read_named(pins, 1, (char **)&name, &rows, &row_count, &err);
	else if (!r)
		r = status_read_all(pins, &rows, &row_count, &err);
	if (r < 0)
		return cli_fail(&err);
	if (!options->json && !row_count && !incomplete)
		puts("attached nowhere");
	if (!options->json && row_count && table_wanted())
		status_print_table(rows, row_count);
	else
		status_print_all(rows, row_count, options->json, "");
	return incomplete ? cli_fail(&missing) : CLI_DONE;
}

const struct cli_command cmd_status = {
	.name = "status",
	.words = "[IFACE]",
	.summary = "Show where the program runs, and how",
	.details =
		"Alone, and why, or in libxdp's dispatcher with its position and priority; in native or\n"
		"skb mode. On a terminal a table, in a pipe or a file a line for each interface. If a pin\n"
		"is missing while the program runs, status says so, and the exit status is 1.\n\n"
		"Examples:\n"
		"  " CLI_NAME " status\n"
		"  " CLI_NAME " status eth1 --json\n",
	.run = status_run,
};
