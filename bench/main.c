// SPDX-License-Identifier: GPL-2.0-or-later
/* Measures xdp-l2resp and other responders. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/libbpf.h>

#include "lane.h"
#include "output.h"
#include "point.h"
#include "scenario.h"

static const struct pace pace_full = { .rounds = 11, .round_seconds = 0.2 };
static const struct pace pace_quick = { .rounds = 5, .round_seconds = 0.08 };
static const struct pace pace_smoke = { .rounds = 1, .round_seconds = 0.01, .smoke = true };

struct options {
	struct pace pace;
	bool quick;
	bool tap;
	const char *json;
	const char *only;   /* scenarios, comma-separated; NULL: all */
	uint32_t addresses; /* replaces the scenarios' sizes; 0: doesn't */
};

static const char usage[] =
	"Usage: xdp-l2resp-bench [OPTION...]\n"
	"\n"
	"Measures answers a second of xdp-l2resp and of what it competes with, side by side on veth\n"
	"pairs in network namespaces of its own. Run it as root.\n"
	"\n"
	"  --quick             fewer scenarios, shorter rounds\n"
	"  --smoke             one short round of everything, in TAP: are the answers right?\n"
	"  --json FILE         the results as JSON, too\n"
	"  --scenario NAME,... only these; --list names them\n"
	"  --addresses N       so many, instead of each scenario's own numbers\n"
	"  --rounds N          rounds\n"
	"  --seconds S         a round's length for each contestant\n"
	"  --pktgen N          the kernel's pktgen sends, N packets a round, instead of live frames\n"
	"  --cli PATH          the xdp-l2resp command (default: the one built with this program)\n"
	"  --list              names the scenarios\n";

/* True if @name is in --scenario's list. */
static bool named(const struct options *options, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = options->only; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (!strncmp(at, name, length) && (!at[length] || at[length] == ','))
			return true;
	}
	return false;
}

static bool is_selected(const struct options *options, const struct scenario *scenario)
{
	if (options->only)
		return named(options, scenario->name);
	return !scenario->gate && (!options->quick || scenario->quick);
}

static void progress(const struct point *point, const char *doing)
{
	output_progress("%s, %u addresses: %s", point->scenario->name, point->targets, doing);
}

static unsigned int tap_count;

static void tap_point(const struct point *point)
{
	for (unsigned int i = 0; i < point->count; i++) {
		const struct standing *standing = &point->standings[i];

		printf("%s %u - %s, %u addresses: %s%s%s\n",
		       standing->state == STANDING_FAILED ? "not ok" : "ok", ++tap_count,
		       point->scenario->name, point->targets, standing->contestant->name,
		       standing->state == STANDING_SKIPPED ? " # SKIP " : "",
		       standing->state == STANDING_SKIPPED ? standing->err.text : "");
		if (standing->state == STANDING_FAILED)
			printf("# %s\n", standing->err.text);
	}
	fflush(stdout);
}

static bool point_failed(const struct point *point)
{
	for (unsigned int i = 0; i < point->count; i++)
		if (point->standings[i].state == STANDING_FAILED)
			return true;
	return false;
}

/* Returns true if all answers were right. */
static bool scenario_run(const struct options *options, const struct scenario *scenario,
			 json_t *results)
{
	static struct point point;
	bool right = true;

	for (int i = 0; scenario->targets[i]; i++) {
		uint32_t targets = options->addresses ?: scenario->targets[i];
		json_t *rows;

		point_measure(scenario, targets, &options->pace, progress, &point);
		output_progress_end();
		if (options->tap)
			tap_point(&point);
		else
			output_point(&point);
		rows = output_point_json(&point);
		json_array_extend(results, rows);
		json_decref(rows);
		right &= !point_failed(&point);
		/* one size is enough to check that answers are right */
		if (options->addresses || options->pace.smoke)
			break;
	}
	return right;
}

#define LATENCY "latency"
#define UPKEEP	"upkeep"

static void latencies_run(const struct options *options, json_t *rows)
{
	printf(LATENCY ": one request after the other, from a packet socket\n");
	for (int i = 0; latency_contestants[i]; i++) {
		struct latency latency;

		output_progress(LATENCY ": %s", latency_contestants[i]->name);
		latency_measure(latency_contestants[i], options->quick ? 5000 : 50000, &latency);
		output_progress_end();
		output_latency(&latency);
		json_array_append_new(rows, output_latency_json(&latency));
	}
}

/* Returns true if the command succeeded. */
static bool upkeep_run(const struct options *options, json_t *rows)
{
	printf(UPKEEP ": the command, and the map of addresses\n");
	for (int i = 0; upkeep_sizes[i]; i++) {
		struct upkeep upkeep;
		struct err err;
		int r;

		output_progress(UPKEEP ": %u addresses", upkeep_sizes[i]);
		r = upkeep_measure(upkeep_sizes[i], options->quick ? 1 : 5, &upkeep, &err);
		output_progress_end();
		if (r < 0) {
			printf("  %8u addresses: %s\n", upkeep_sizes[i], err.text);
			return false;
		}
		output_upkeep(&upkeep);
		json_array_append_new(rows, output_upkeep_json(&upkeep));
	}
	return true;
}

static int write_json(const char *path, json_t *report)
{
	int r = json_dump_file(report, path, JSON_INDENT(1));

	if (r < 0)
		fprintf(stderr, "xdp-l2resp-bench: %s can't be written\n", path);
	return r;
}

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

#define ROUND_MAX_SECONDS 3600
#define ROUNDS		  "a number from 1 to 64"
_Static_assert(POINT_MAX_ROUNDS == 64, "as ROUNDS says");

static int usage_error(const char *option, const char *takes, const char *text)
{
	fprintf(stderr, "xdp-l2resp-bench: --%s takes %s, not '%s'\n", option, takes, text);
	return 2;
}

/* Returns 0 if @text isn't a number from 1 to @most. */
static uint32_t take_number(const char *text, uint32_t most)
{
	char *end;
	unsigned long number = strtoul(text, &end, 0);

	return text[0] < '0' || text[0] > '9' || *end || number > most ? 0 : number;
}

/* Returns 0 if @text isn't a valid duration of a round. */
static double take_seconds(const char *text)
{
	char *end;
	double seconds = strtod(text, &end);

	return *end || !(seconds > 0 && seconds <= ROUND_MAX_SECONDS) ? 0 : seconds;
}

static bool is_word(const char *name, const char *text, size_t length)
{
	return !strncmp(name, text, length) && !name[length];
}

/* Checks that each name in --scenario's @list is a scenario. */
static bool all_known(const char *list)
{
	for (const char *at = list; at; at = strchr(at, ',')) {
		size_t length = strcspn(at += *at == ',', ",");
		bool known = is_word(LATENCY, at, length) || is_word(UPKEEP, at, length);

		for (const struct scenario *scenario = scenarios; scenario->name; scenario++)
			known |= is_word(scenario->name, at, length);
		if (!known)
			return false;
	}
	return true;
}

static void list_scenarios(void)
{
	for (const struct scenario *scenario = scenarios; scenario->name; scenario++)
		printf("%-16s %s\n", scenario->name, scenario->text);
	printf("%-16s %s\n", LATENCY, "how long one answer takes");
	printf("%-16s %s\n", UPKEEP, "import, list and flush, and memory");
}

/* Returns -1 to go on, or an exit status. */
static int parse(int argc, char **argv, struct options *options)
{
	static const struct option words[] = {
		{ "quick", no_argument, NULL, 'q' },
		{ "smoke", no_argument, NULL, 's' },
		{ "json", required_argument, NULL, 'j' },
		{ "scenario", required_argument, NULL, 'o' },
		{ "addresses", required_argument, NULL, 'a' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "seconds", required_argument, NULL, 't' },
		{ "pktgen", required_argument, NULL, 'p' },
		{ "cli", required_argument, NULL, 'c' },
		{ "list", no_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{},
	};
	int word;

	while ((word = getopt_long(argc, argv, "h", words, NULL)) >= 0) {
		switch (word) {
		case 'q':
			options->quick = true;
			options->pace = pace_quick;
			break;
		case 's':
			options->tap = true;
			options->pace = pace_smoke;
			break;
		case 'j':
			options->json = optarg;
			break;
		case 'o':
			options->only = optarg;
			if (!all_known(optarg))
				return usage_error("scenario", "names that --list shows", optarg);
			break;
		case 'a':
			options->addresses = take_number(optarg, UINT32_MAX);
			if (!options->addresses)
				return usage_error("addresses", "a number from 1", optarg);
			break;
		case 'r':
			options->pace.rounds = take_number(optarg, POINT_MAX_ROUNDS);
			if (!options->pace.rounds)
				return usage_error("rounds", ROUNDS, optarg);
			break;
		case 't':
			options->pace.round_seconds = take_seconds(optarg);
			if (options->pace.round_seconds <= 0)
				return usage_error("seconds", "seconds up to an hour", optarg);
			break;
		case 'p':
			options->pace.pktgen = take_number(optarg, UINT32_MAX);
			if (!options->pace.pktgen)
				return usage_error("pktgen", "a number from 1", optarg);
			break;
		case 'c':
			contestant_set_cli(optarg);
			break;
		case 'l':
			list_scenarios();
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fputs(usage, stderr);
		return 2;
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct options options = { .pace = pace_full };
	json_t *report, *results, *latencies, *upkeep;
	bool right = true;
	struct err err;
	int r;

	contestant_set_cli(BENCH_CLI);
	r = parse(argc, argv, &options);
	if (r >= 0)
		return r;
	libbpf_set_print(silent);
	r = lane_isolate(&err);
	if (r < 0) {
		fprintf(stderr, "xdp-l2resp-bench: %s\n", err.text);
		return 1;
	}
	results = json_array();
	latencies = json_array();
	upkeep = json_array();
	report = json_pack("{s:i, s:o, s:o, s:o, s:o}", "schema", 1, "machine",
			   output_machine_json(), "results", results, LATENCY, latencies, UPKEEP,
			   upkeep);
	for (const struct scenario *scenario = scenarios; scenario->name; scenario++)
		if (is_selected(&options, scenario))
			right &= scenario_run(&options, scenario, results);
	if (options.only ? named(&options, LATENCY) : !options.tap)
		latencies_run(&options, latencies);
	if (options.only ? named(&options, UPKEEP) : !options.tap)
		right &= upkeep_run(&options, upkeep);
	if (options.tap)
		printf("1..%u\n", tap_count);
	if (options.json)
		r = write_json(options.json, report);
	json_decref(report);
	return right && r >= 0 ? 0 : 1;
}
