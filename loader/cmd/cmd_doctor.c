// SPDX-License-Identifier: GPL-2.0-or-later
/* doctor: prints faults that keep addresses from being answered, with remedies. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "cleanup.h"
#include "cli.h"
#include "doctor.h"
#include "doctor_checks.h"
#include "text.h"

static void print_json(const struct doctor_report *report)
{
	json_t *findings = json_array();

	for (size_t i = 0; i < report->count; i++) {
		const struct doctor_finding *finding = &report->findings[i];

		json_array_append_new(
			findings,
			json_pack("{s:s, s:o, s:s, s:o, s:o}", "check", finding->check, "dev",
				  *finding->dev ? text_json(finding->dev) : json_null(), "severity",
				  doctor_severity_name(finding->severity), "detail",
				  text_json(finding->detail), "remedy",
				  text_json(finding->remedy)));
	}
	cli_print_json(json_pack("{s:o, s:I, s:I}", "findings", findings, "addresses",
				 (json_int_t)report->addresses, "asked",
				 (json_int_t)report->asked));
}

static void print_text(const struct doctor_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		const struct doctor_finding *finding = &report->findings[i];

		text_print(stdout, "%s: %s: %s\n", doctor_severity_name(finding->severity),
			   finding->check, finding->detail);
		text_print(stdout, "    %s\n", finding->remedy);
	}
	if (!report->count)
		puts("nothing found");
}

static bool fails(const struct doctor_report *report)
{
	for (size_t i = 0; i < report->count; i++)
		if (report->findings[i].severity != DOCTOR_NOTE)
			return true;
	return false;
}

static int doctor_cmd_run(const struct cli_options *options, int count, char **words)
{
	_cleanup_(doctor_report_free) struct doctor_report report = {};
	_cleanup_(pins_close) struct pins pins = PINS_NONE;
	const char *name = NULL;
	struct err unusable, err;
	bool nothing_pinned;
	int r;

	if (count && cli_take_dev(&cmd_doctor, count, words, &name))
		return CLI_USAGE;
	r = pins_open_some(options->bpffs, &pins, &unusable);
	/* no fault of the host */
	if ((r == -EPERM || r == -EACCES) && geteuid())
		return cli_fail(&unusable);
	nothing_pinned = r == -ENOENT && !*unusable.text;
	r = doctor_run(nothing_pinned ? NULL : &pins, r < 0 && !nothing_pinned ? &unusable : NULL,
		       name, &report, &err);
	if (r < 0)
		return cli_fail(&err);
	if (report.asked < report.addresses)
		cli_note("asked the LAN for %zu of %zu addresses only", report.asked,
			 report.addresses);
	if (options->json)
		print_json(&report);
	else
		print_text(&report);
	return fails(&report) ? CLI_FAILED : CLI_DONE;
}

#define HELP_ROW(name, scope, severity, text, remedy) "  " #name "\n      " text "\n"

const struct cli_command cmd_doctor = {
	.name = "doctor",
	.words = "[IFACE]",
	.summary = "Look for faults that keep addresses from being answered, and say what to do",
	.details =
		"Changes nothing. Asks the LAN for up to 256 of the addresses, and waits a second for other\n"
		"hosts' answers. Exit status 0 if there are only notes or nothing, 1 with other findings.\n\n"
		"It looks for:\n" DOCTOR_CHECKS(HELP_ROW) "\n"
							  "Examples:\n"
							  "  " CLI_NAME " doctor\n"
							  "  " CLI_NAME " doctor eth1 --json\n",
	.run = doctor_cmd_run,
};
