// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/utsname.h>

#include "output.h"

void output_progress(const char *format, ...)
{
	va_list args;

	if (!isatty(STDERR_FILENO))
		return;
	va_start(args, format);
	fputs("\r\033[K", stderr);
	vfprintf(stderr, format, args);
	va_end(args);
	fflush(stderr);
}

void output_progress_end(void)
{
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
}

/* Tables */

static const char *rate_unit(const struct point *point)
{
	return load_kind_answered(point->scenario->kind) ? "answers/s" : "frames/s";
}

static void output_lost(const struct standing *standing)
{
	const struct load_result *total = &standing->total;
	uint64_t load = load_result_lost_load(total), answers = load_result_lost_answers(total);

	if (load)
		printf("    %s: %llu of %llu frames never reached the device\n",
		       standing->contestant->name, (unsigned long long)load,
		       (unsigned long long)total->sent);
	if (answers)
		printf("    %s: %llu of %llu frames lost behind the device's ring\n",
		       standing->contestant->name, (unsigned long long)answers,
		       (unsigned long long)total->asked);
}

static void output_standing(const struct point *point, const struct standing *standing)
{
	if (standing->state != STANDING_MEASURED) {
		printf("  %-28s %s: %s\n", standing->contestant->name,
		       standing->state == STANDING_SKIPPED ? "skipped" : "FAILED",
		       standing->err.text);
		return;
	}
	printf("  %-28s %12.0f  %12.0f .. %-12.0f", standing->contestant->name,
	       standing->rate.median, standing->rate.min, standing->rate.max);
	if (point->standings[0].state == STANDING_MEASURED)
		printf(" %6.3f  %6.3f  %.3f .. %.3f", standing->ratio.median,
		       standing->cpu_ratio.median, standing->cpu_ratio.low,
		       standing->cpu_ratio.high);
	if (standing->calls)
		printf("  %5.3f", standing->call_ratio.median);
	else if (point->scenario->calls)
		printf("  %5s", "");
	if (standing->program.run_ns > 0)
		printf("  %6.1f", standing->program.run_ns);
	if (standing->program.alone_ns.min > 0)
		printf("  %6.2f", standing->program.alone_ns.min);
	printf("%s\n", spread_wide(&standing->cpu_ratio) ? "  wide spread" : "");
}

void output_point(const struct point *point)
{
	printf("%s: %s; %u address%s\n", point->scenario->name, point->scenario->text,
	       point->targets, point->targets == 1 ? "" : "es");
	printf("  %-28s %12s  %12s .. %-12s %6s  %6s  %-14s%s  %6s  %s\n", "", rate_unit(point),
	       "min", "max", "ratio", "by CPU", "(quartiles)",
	       point->scenario->calls ? "  calls" : "", "ns",
	       load_kind_answered(point->scenario->kind) ? "" : " alone");
	for (unsigned int i = 0; i < point->count; i++)
		output_standing(point, &point->standings[i]);
	for (unsigned int i = 0; i < point->count; i++)
		output_lost(&point->standings[i]);
	fflush(stdout);
}

void output_latency(const struct latency *latency)
{
	if (latency->error)
		printf("  %-28s %s\n", latency->contestant->name, latency->err.text);
	else
		printf("  %-28s median %6.2f us, 99 in 100 below %6.2f us\n",
		       latency->contestant->name, latency->median_us, latency->p99_us);
	fflush(stdout);
}

void output_upkeep(const struct upkeep *upkeep)
{
	printf("  %8u addresses: import %.3f s, list %.3f s, flush %.3f s; %.0f bytes an address\n",
	       upkeep->addresses, upkeep->import_s.median, upkeep->list_s.median,
	       upkeep->flush_s.median, upkeep->bytes_an_address);
	fflush(stdout);
}

/* JSON */

static json_t *spread_json(const struct spread *spread)
{
	return json_pack("{s:f, s:f, s:f, s:f, s:f, s:b}", "median", spread->median, "min",
			 spread->min, "max", spread->max, "low", spread->low, "high", spread->high,
			 "wide", spread_wide(spread));
}

static json_t *standing_json(const struct point *point, const struct standing *standing)
{
	static const char *const states[] = {
		[STANDING_MEASURED] = "measured",
		[STANDING_SKIPPED] = "skipped",
		[STANDING_FAILED] = "failed",
	};
	const struct load_result *total = &standing->total;
	json_t *row = json_pack("{s:s, s:s, s:s, s:I, s:i, s:s, s:s, s:s}", "scenario",
				point->scenario->name, "contestant", standing->contestant->name,
				"load", load_kind_name(point->scenario->kind), "addresses",
				(json_int_t)point->targets, "cpus",
				(int)(standing->contestant->cpus ?: 1), "mode",
				point->scenario->skb_mode ? "skb" : "native", "state",
				states[standing->state], "unit", rate_unit(point));
	json_t *rounds;

	if (standing->state != STANDING_MEASURED) {
		json_object_set_new(row, "reason", json_string(standing->err.text));
		return row;
	}
	json_object_set_new(row, "rate", spread_json(&standing->rate));
	json_object_set_new(row, "cpu_rate", spread_json(&standing->cpu_rate));
	if (point->standings[0].state == STANDING_MEASURED) {
		json_object_set_new(row, "baseline",
				    json_string(point->standings[0].contestant->name));
		json_object_set_new(row, "ratio", spread_json(&standing->ratio));
		json_object_set_new(row, "cpu_ratio", spread_json(&standing->cpu_ratio));
	}
	if (standing->calls) {
		json_object_set_new(row, "call_rate", spread_json(&standing->call_rate));
		json_object_set_new(row, "call_ratio", spread_json(&standing->call_ratio));
	}
	rounds = json_array();
	for (unsigned int i = 0; i < standing->rounds; i++)
		json_array_append_new(rounds, json_real(standing->rates[i]));
	json_object_set_new(row, "rounds", rounds);
	json_object_set_new(
		row, "cpu_share",
		json_real(total->cpu_seconds / total->seconds / (standing->contestant->cpus ?: 1)));
	json_object_set_new(row, "frames",
			    json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "sent",
				      (json_int_t)total->sent, "asked", (json_int_t)total->asked,
				      "received", (json_int_t)total->received, "right",
				      (json_int_t)total->right, "wrong", (json_int_t)total->wrong,
				      "duplicates", (json_int_t)total->duplicates, "lost_load",
				      (json_int_t)load_result_lost_load(total), "lost_answers",
				      (json_int_t)load_result_lost_answers(total)));
	if (standing->program.jited_bytes)
		json_object_set_new(row, "program",
				    json_pack("{s:f, s:o, s:i, s:i, s:i}", "run_ns",
					      standing->program.run_ns, "alone_ns",
					      standing->program.alone_ns.min > 0
						      ? spread_json(&standing->program.alone_ns)
						      : json_null(),
					      "xlated_bytes", (int)standing->program.xlated_bytes,
					      "jited_bytes", (int)standing->program.jited_bytes,
					      "verified_insns",
					      (int)standing->program.verified_insns));
	return row;
}

json_t *output_point_json(const struct point *point)
{
	json_t *rows = json_array();

	for (unsigned int i = 0; i < point->count; i++)
		json_array_append_new(rows, standing_json(point, &point->standings[i]));
	return rows;
}

json_t *output_latency_json(const struct latency *latency)
{
	if (latency->error)
		return json_pack("{s:s, s:s}", "contestant", latency->contestant->name, "reason",
				 latency->err.text);
	return json_pack("{s:s, s:i, s:f, s:f}", "contestant", latency->contestant->name, "samples",
			 (int)latency->samples, "median_us", latency->median_us, "p99_us",
			 latency->p99_us);
}

json_t *output_upkeep_json(const struct upkeep *upkeep)
{
	return json_pack("{s:I, s:o, s:o, s:o, s:f}", "addresses", (json_int_t)upkeep->addresses,
			 "import_s", spread_json(&upkeep->import_s), "list_s",
			 spread_json(&upkeep->list_s), "flush_s", spread_json(&upkeep->flush_s),
			 "bytes_an_address", upkeep->bytes_an_address);
}

static void cpu_model(char *text, size_t size)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[256];

	snprintf(text, size, "unknown");
	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		const char *colon = strchr(line, ':');

		if (colon && !strncmp(line, "model name", 10)) {
			snprintf(text, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
			break;
		}
	}
	fclose(file);
}

json_t *output_machine_json(void)
{
	struct utsname kernel;
	char model[128], date[32];
	time_t now = time(NULL);
	struct tm utc;

	uname(&kernel);
	cpu_model(model, sizeof(model));
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
	return json_pack("{s:s, s:s, s:s, s:i, s:s, s:s}", "kernel", kernel.release, "architecture",
			 kernel.machine, "cpu", model, "cpus", (int)load_cpus_available(), "clang",
			 BENCH_CLANG, "date", date);
}
