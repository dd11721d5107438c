// SPDX-License-Identifier: GPL-2.0-or-later
/* stats: prints the frames' outcomes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "alloc.h"
#include "cleanup.h"
#include "cli.h"
#include "counts.h"
#include "device.h"
#include "text.h"

/* One reading of the counts of all interfaces, or of the named one. */
struct reading {
	struct timespec at; /* CLOCK_MONOTONIC */
	struct device_table devices;
	struct outcome_counts counts[L2RESP_MAX_DEVICES];
	struct outcome_counts sum;
};

/* Reads the counts of interface @ifindex, or, if 0, of all that exist. */
static int reading_fill(const struct pins *pins, uint32_t ifindex, struct reading *reading,
			struct err *err)
{
	unsigned int kept = 0;
	int r = device_read_all(pins, &reading->devices, err);

	if (r < 0)
		return r;
	for (unsigned int i = 0; i < reading->devices.count; i++) {
		struct device_row row = reading->devices.rows[i];

		if (ifindex ? row.ifindex != ifindex : row.gone)
			continue;
		r = counts_read(pins, row.counters_slot, &reading->counts[kept], err);
		if (r < 0)
			return r;
		for (int n = 0; n < OUTCOME_COUNT; n++)
			reading->sum.count[n] += reading->counts[kept].count[n];
		reading->devices.rows[kept++] = row;
	}
	reading->devices.count = kept;
	return 0;
}

/* Reads the counts of the interface called @name, or of all (NULL). Opens the pins each time: with
 * --watch they may be removed, or created, in between. */
static int reading_take(const char *bpffs, const char *name, struct reading *reading,
			struct err *err)
{
	_cleanup_(pins_close) struct pins pins = PINS_NONE;
	struct link link = {};
	int r = pins_open(bpffs, &pins, err);

	memset(reading, 0, sizeof(*reading));
	clock_gettime(CLOCK_MONOTONIC, &reading->at);
	if (r == -ENOENT && !*err->text)
		return name ? link_by_name(name, &link, err) : 0;
	if (!r && name)
		r = device_resolve(&pins, name, &link, err);
	return r < 0 ? r : reading_fill(&pins, link.ifindex, reading, err);
}

static json_t *counts_json(const struct outcome_counts *counts)
{
	json_t *json = json_object();

	for (int i = 0; i < OUTCOME_COUNT; i++)
		json_object_set_new(json, counts_outcome_name(i), json_integer(counts->count[i]));
	return json;
}

static double seconds_between(const struct timespec *from, const struct timespec *to)
{
	return (to->tv_sec - from->tv_sec) + (to->tv_nsec - from->tv_nsec) / 1e9;
}

/* Returns the rate of one outcome between two counts; 0 if the count fell, as when an interface and
 * its counts are gone. */
static double rate(const struct outcome_counts *before, const struct outcome_counts *now,
		   int outcome, double seconds)
{
	if (now->count[outcome] < before->count[outcome])
		return 0;
	return (now->count[outcome] - before->count[outcome]) / seconds;
}

static json_t *rates_json(const struct outcome_counts *before, const struct outcome_counts *now,
			  double seconds)
{
	json_t *json = json_object();

	for (int i = 0; i < OUTCOME_COUNT; i++)
		json_object_set_new(json, counts_outcome_name(i),
				    json_real(rate(before, now, i, seconds)));
	return json;
}

/* Returns the counts in @before of interface number @at in @now; for a new interface the present
 * ones, so that its rate begins at 0. */
static const struct outcome_counts *counts_before(const struct reading *before,
						  const struct reading *now, unsigned int at)
{
	for (unsigned int i = 0; i < before->devices.count; i++)
		if (before->devices.rows[i].ifindex == now->devices.rows[at].ifindex)
			return &before->counts[i];
	return &now->counts[at];
}

static void reading_print_json(const struct reading *before, const struct reading *now)
{
	double seconds = before ? seconds_between(&before->at, &now->at) : 0;
	json_t *devices = json_object(), *rates = json_object(), *json;

	for (unsigned int i = 0; i < now->devices.count; i++) {
		json_t *name = text_json(now->devices.rows[i].name);

		json_object_set_new(devices, json_string_value(name), counts_json(&now->counts[i]));
		if (before)
			json_object_set_new(rates, json_string_value(name),
					    rates_json(counts_before(before, now, i),
						       &now->counts[i], seconds));
		json_decref(name);
	}
	json = json_pack("{s:o, s:o}", "counters", counts_json(&now->sum), "devices", devices);
	if (before) {
		json_object_set_new(json, "per_second",
				    rates_json(&before->sum, &now->sum, seconds));
		json_object_set(json, "devices_per_second", rates);
	}
	json_decref(rates);
	cli_print_json(json);
}

/* Shows outcomes that occurred, and always arp_answered. */
static bool worth_showing(const struct outcome_counts *counts, int outcome)
{
	return counts->count[outcome] || outcome == OUTCOME_ARP_ANSWERED;
}

static void reading_print(const struct reading *now)
{
	if (!now->devices.count)
		puts("no counts: nothing was attached or added");
	for (unsigned int i = 0; i < now->devices.count; i++) {
		text_print(stdout, "%s:\n", now->devices.rows[i].name);
		for (int n = 0; n < OUTCOME_COUNT; n++)
			if (worth_showing(&now->counts[i], n))
				printf("  %-22s %12llu  %s\n", counts_outcome_name(n),
				       (unsigned long long)now->counts[i].count[n],
				       counts_outcome_text(n));
	}
}

static void print_rates(const struct outcome_counts *before, const struct outcome_counts *now,
			double seconds)
{
	for (int n = 0; n < OUTCOME_COUNT; n++)
		if (worth_showing(now, n))
			printf("%-22s %14llu %14.1f\n", counts_outcome_name(n),
			       (unsigned long long)now->count[n], rate(before, now, n, seconds));
}

/* Prints by interface; without a heading if @name was given, or if there are no counts. */
static void reading_print_rates(const struct reading *before, const struct reading *now,
				const char *name)
{
	double seconds = seconds_between(&before->at, &now->at);

	printf("%-22s %14s %14s\n", "outcome", "total", "per second");
	if (!now->devices.count)
		print_rates(&before->sum, &now->sum, seconds);
	for (unsigned int i = 0; i < now->devices.count; i++) {
		if (!name)
			text_print(stdout, "%s:\n", now->devices.rows[i].name);
		print_rates(counts_before(before, now, i), &now->counts[i], seconds);
	}
	putchar('\n');
}

/* Runs until it is interrupted, or the output's reader is gone. */
static int watch(const char *name, const struct cli_options *options, struct reading *before,
		 struct err *err)
{
	_cleanup_free_ struct reading *now = xcalloc(1, sizeof(*now));
	struct timespec pause = { .tv_sec = options->watch_seconds };

	pause.tv_nsec = (options->watch_seconds - pause.tv_sec) * 1e9;
	while (!ferror(stdout)) {
		int r;

		nanosleep(&pause, NULL);
		r = reading_take(options->bpffs, name, now, err);
		/* the interface may be recreated meanwhile */
		if (r < 0 && r != -ENODEV)
			return r;
		if (options->json)
			reading_print_json(before, now);
		else
			reading_print_rates(before, now, name);
		fflush(stdout);
		*before = *now;
	}
	return 0;
}

static int stats_run(const struct cli_options *options, int count, char **words)
{
	_cleanup_free_ struct reading *reading = xcalloc(1, sizeof(*reading));
	const char *name = NULL;
	struct err err;
	int r;

	if (count && cli_take_dev(&cmd_stats, count, words, &name))
		return CLI_USAGE;
	r = reading_take(options->bpffs, name, reading, &err);
	if (!r && options->watch_seconds)
		r = watch(name, options, reading, &err);
	else if (!r && options->json)
		reading_print_json(NULL, reading);
	else if (!r)
		reading_print(reading);
	return r < 0 ? cli_fail(&err) : CLI_DONE;
}

const struct cli_command cmd_stats = {
	.name = "stats",
	.words = "[IFACE]",
	.summary = "Show what became of the ARP and neighbour discovery frames that came in",
	.options = (const struct cli_option *const[]){ &cli_opt_watch, NULL },
	.details =
		"Counts since the interface was first attached; a later attach keeps them. --json with\n"
		"--watch prints an object a line, with rates in per_second and, by interface, in\n"
		"devices_per_second.\n\n"
		"Examples:\n"
		"  " CLI_NAME " stats\n"
		"  " CLI_NAME " stats eth1 --watch 1\n",
	.run = stats_run,
};
