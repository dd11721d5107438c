// SPDX-License-Identifier: GPL-2.0-or-later
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "cleanup.h"
#include "metrics.h"
#include "text.h"
#include "version.h"

/* Series of l2resp_answers_total: a scraper keeps each. */
#define ANSWERS_MAX 1000

enum metric_type {
	COUNTER,
	GAUGE,
};

enum metric_unit {
	UNIT_U64,
	UNIT_SIZE,
	UNIT_BOOL,
	UNIT_NS, /* shown in seconds */
};

static const struct {
	const char *name;
	const char *help;
	enum metric_type type;
	enum metric_unit unit;
	size_t field; /* in struct agent_figures */
} series[] = {
#define METRIC(name_, type_, unit_, member, help_) \
	{ "l2resp_" name_, help_, type_, unit_, offsetof(struct agent_figures, member) }
	METRIC("addresses_selected", GAUGE, UNIT_SIZE, selected,
	       "Addresses that policies select on this node"),
	METRIC("leases_wanted", GAUGE, UNIT_SIZE, lease.wanted,
	       "Addresses whose lease this node tries to hold"),
	METRIC("leases_held", GAUGE, UNIT_SIZE, lease.held,
	       "Addresses whose lease this node holds"),
	METRIC("lease_gained_total", COUNTER, UNIT_U64, lease.gained, "Number of leases gained"),
	METRIC("lease_lost_total", COUNTER, UNIT_U64, lease.lost,
	       "Number of leases lost or released"),
	METRIC("lease_sessions_total", COUNTER, UNIT_U64, lease.sessions,
	       "Number of sessions begun or resumed"),
	METRIC("lease_renewals_total", COUNTER, UNIT_U64, lease.renewals,
	       "Number of confirmed renewals"),
	METRIC("lease_renewal_failures_total", COUNTER, UNIT_U64, lease.renewal_failures,
	       "Number of renewals that got no answer or were refused"),
	METRIC("lease_store_reachable", GAUGE, UNIT_BOOL, store_reachable,
	       "1, or 0 from a failed request to the lease store until one succeeds"),
	METRIC("entries", GAUGE, UNIT_SIZE, entries.present, "Entries of the agent in the maps"),
	METRIC("entries_by_hand", GAUGE, UNIT_SIZE, entries.by_hand,
	       "Entries that somebody added by hand for the agent's addresses; it leaves them alone"),
	METRIC("reconciles_total", COUNTER, UNIT_U64, reconciles,
	       "Number of reconciles of the maps"),
	METRIC("reconcile_failures_total", COUNTER, UNIT_U64, reconcile_failures,
	       "Number of reconciles that failed"),
	METRIC("reconcile_seconds", GAUGE, UNIT_NS, reconcile_ns, "Duration of the last reconcile"),
	METRIC("reconcile_worst_seconds", GAUGE, UNIT_NS, reconcile_worst_ns,
	       "Duration of the longest reconcile"),
	METRIC("drift_total", COUNTER, UNIT_U64, entries.drift,
	       "Number of entries and lease deadlines that somebody else changed, and the agent repaired"),
	METRIC("announcements_total", COUNTER, UNIT_U64, announced,
	       "Number of announcements sent; the request and the reply of IPv4 count as one"),
	METRIC("conflicts_total", COUNTER, UNIT_U64, conflicts,
	       "Number of times another host used an address of this node, at most one a second an address"),
	METRIC("conflicts_defended_total", COUNTER, UNIT_U64, defended,
	       "Number of conflicts after which an address was announced again"),
	METRIC("conflicts_yielded_total", COUNTER, UNIT_U64, yielded,
	       "Number of conflicts after which an address was released"),
	METRIC("probes_total", COUNTER, UNIT_U64, probes_sent,
	       "Number of probes sent for addresses before they were claimed"),
	METRIC("manifest_files_broken", GAUGE, UNIT_SIZE, source.broken,
	       "Number of manifest files, or objects of the API server, that are invalid"),
	METRIC("source_known", GAUGE, UNIT_BOOL, source.known, "1 once all of the source was read"),
	METRIC("source_reachable", GAUGE, UNIT_BOOL, source.reachable,
	       "1, or 0 while the source can't be read and its last state is used"),
	METRIC("source_kinds_missing", GAUGE, UNIT_SIZE, source.kinds_missing,
	       "Kinds of objects that the API server doesn't serve"),
	METRIC("interfaces", GAUGE, UNIT_SIZE, interfaces, "Interfaces that policies select"),
	METRIC("interfaces_failed", GAUGE, UNIT_SIZE, attach_failures,
	       "Interfaces that policies select, and to which attaching the program failed"),
	METRIC("draining", GAUGE, UNIT_BOOL, draining, "1 while this node is drained"),
#undef METRIC
};

static void print_value(FILE *out, const void *field, enum metric_unit unit)
{
	switch (unit) {
	case UNIT_U64:
		fprintf(out, "%llu\n", (unsigned long long)*(const uint64_t *)field);
		break;
	case UNIT_SIZE:
		fprintf(out, "%zu\n", *(const size_t *)field);
		break;
	case UNIT_BOOL:
		fprintf(out, "%d\n", *(const bool *)field);
		break;
	case UNIT_NS:
		fprintf(out, "%.9f\n", *(const uint64_t *)field / 1e9);
		break;
	}
}

static void print_states(FILE *out, enum lease_state now)
{
	fputs("# HELP l2resp_lease_state 1 for the session's current state, 0 for the others\n"
	      "# TYPE l2resp_lease_state gauge\n",
	      out);
	for (enum lease_state state = 0; state < LEASE_STATE_COUNT; state++)
		fprintf(out, "l2resp_lease_state{state=\"%s\"} %d\n", lease_state_names[state],
			state == now);
}

static void print_outcomes(FILE *out, const struct outcome_counts *counts)
{
	fputs("# HELP l2resp_frames_total Number of frames by what the data path did with them\n"
	      "# TYPE l2resp_frames_total counter\n",
	      out);
	for (enum outcome outcome = 0; outcome < OUTCOME_COUNT; outcome++)
		fprintf(out, "l2resp_frames_total{outcome=\"%s\"} %llu\n",
			counts_outcome_name(outcome), (unsigned long long)counts->count[outcome]);
}

/* @text as a label's value, which the caller frees: in quotes, on one line. */
static char *label_escape(const char *text)
{
	size_t size = TEXT_ESCAPED_SIZE(strlen(text));
	_cleanup_free_ char *plain = xmalloc(size);
	char *label = xmalloc(2 * size), *to = label;

	text_escape(plain, size, text);
	for (const char *at = plain; *at; at++) {
		if (strchr("\\\"", *at))
			*to++ = '\\';
		*to++ = *at;
	}
	*to = '\0';
	return label;
}

static void print_reasons(FILE *out, struct agent *agent)
{
	struct reason_survey survey;

	fputs("# HELP l2resp_addresses_blocked Addresses that this node doesn't announce, by reason\n"
	      "# TYPE l2resp_addresses_blocked gauge\n",
	      out);
	agent_survey_reasons(agent, &survey);
	for (enum reason reason = 1; reason < REASON_COUNT; reason++)
		fprintf(out, "l2resp_addresses_blocked{reason=\"%s\"} %zu\n", reason_name(reason),
			survey.counts[reason]);
}

/* Addresses of each pool, where this node gives them. */
static void print_pools(FILE *out, const struct allocator *allocator)
{
	struct pool_status pool;

	fputs("# HELP l2resp_pool_addresses Addresses of a pool: total, used, available\n"
	      "# TYPE l2resp_pool_addresses gauge\n",
	      out);
	for (size_t i = 0; allocator && allocator_pool_status(allocator, i, &pool); i++) {
		_cleanup_free_ char *name = label_escape(pool.pool->name);

		fprintf(out,
			"l2resp_pool_addresses{pool=\"%s\",state=\"total\"} %.17g\n"
			"l2resp_pool_addresses{pool=\"%s\",state=\"used\"} %llu\n"
			"l2resp_pool_addresses{pool=\"%s\",state=\"available\"} %.17g\n",
			name, (double)pool.total, name, (unsigned long long)pool.used, name,
			pool.conflict || pool.pool->disabled ? 0 : (double)pool.available);
	}
}

/* @labels: none, or ones that end with a comma. */
static void print_histogram(FILE *out, const char *name, const char *labels,
			    const struct histogram *times)
{
	uint64_t count = 0;

	for (unsigned int i = 0; i <= HISTOGRAM_BOUNDS; i++) {
		count += atomic_load_explicit(&times->count[i], memory_order_relaxed);
		fprintf(out, "l2resp_%s_bucket{%sle=\"", name, labels);
		if (i < HISTOGRAM_BOUNDS)
			fprintf(out, "%g", histogram_bounds_ns[i] / 1e9);
		else
			fputs("+Inf", out);
		fprintf(out, "\"} %llu\n", (unsigned long long)count);
	}
	fprintf(out, "l2resp_%s_sum{%.*s} %.9f\n", name, (int)strcspn(labels, ","), labels,
		atomic_load_explicit(&times->total_ns, memory_order_relaxed) / 1e9);
	fprintf(out, "l2resp_%s_count{%.*s} %llu\n", name, (int)strcspn(labels, ","), labels,
		(unsigned long long)count);
}

static void print_times(FILE *out, const struct agent_figures *figures)
{
	fputs("# HELP l2resp_loop_seconds Run times of the event loops' handlers\n"
	      "# TYPE l2resp_loop_seconds histogram\n",
	      out);
	print_histogram(out, "loop_seconds", "loop=\"main\",", &figures->main_times->elapsed);
	print_histogram(out, "loop_seconds", "loop=\"lease\",", &figures->lease_times->elapsed);
	fputs("# HELP l2resp_loop_cpu_seconds CPU times of the event loops' handlers\n"
	      "# TYPE l2resp_loop_cpu_seconds histogram\n",
	      out);
	print_histogram(out, "loop_cpu_seconds", "loop=\"main\",", &figures->main_times->cpu);
	print_histogram(out, "loop_cpu_seconds", "loop=\"lease\",", &figures->lease_times->cpu);
	fputs("# HELP l2resp_lease_renewal_seconds Time from sending a renewal to its confirmation\n"
	      "# TYPE l2resp_lease_renewal_seconds histogram\n",
	      out);
	print_histogram(out, "lease_renewal_seconds", "", &figures->lease.renew_times);
}

static void print_answer(const struct address *address, const struct service *service,
			 uint64_t answers, void *data)
{
	_cleanup_free_ char *namespace = label_escape(service->namespace);
	_cleanup_free_ char *name = label_escape(service->name);
	char ip[INET6_ADDRSTRLEN];

	fprintf(data, "l2resp_answers_total{address=\"%s\",namespace=\"%s\",service=\"%s\"} %llu\n",
		address_format(address, ip), namespace, name, (unsigned long long)answers);
}

static void print_build(FILE *out)
{
	fprintf(out,
		"# HELP l2resp_build_info 1, with the version and commit as labels\n"
		"# TYPE l2resp_build_info gauge\n"
		"l2resp_build_info{version=\"%s\",commit=\"%s\"} 1\n",
		version_release, version_commit);
}

/* VmRSS, in bytes. */
static unsigned long memory(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (file && fscanf(file, "%*s %lu", &pages) != 1)
		pages = 0;
	if (file)
		fclose(file);
	return pages * sysconf(_SC_PAGESIZE);
}

/* What takes as long with many addresses as with few. */
static void print_figures(FILE *out, struct agent *agent)
{
	struct agent_figures figures;
	struct outcome_counts counts;
	struct err err;

	agent_figures(agent, &figures);
	for (size_t i = 0; i < sizeof(series) / sizeof(series[0]); i++) {
		fprintf(out, "# HELP %s %s\n# TYPE %s %s\n%s ", series[i].name, series[i].help,
			series[i].name, series[i].type == COUNTER ? "counter" : "gauge",
			series[i].name);
		print_value(out, (const char *)&figures + series[i].field, series[i].unit);
	}
	print_states(out, figures.lease.state);
	print_pools(out, figures.source.allocator);
	print_times(out, &figures);
	print_build(out);
	if (!agent_counts(agent, &counts, &err))
		print_outcomes(out, &counts);
	fprintf(out,
		"# HELP process_resident_memory_bytes Resident memory\n"
		"# TYPE process_resident_memory_bytes gauge\n"
		"process_resident_memory_bytes %lu\n",
		memory());
}

struct metrics {
	struct agent *agent;
	enum {
		STEP_FIGURES,
		STEP_REASONS,
		STEP_ANSWERS,
	} step;
	struct agent_answers answers;
};

struct metrics *metrics_new(struct agent *agent)
{
	struct metrics *metrics = xcalloc(1, sizeof(*metrics));

	metrics->agent = agent;
	metrics->answers.room = ANSWERS_MAX;
	return metrics;
}

void metrics_free(void *metrics)
{
	free(metrics);
}

bool metrics_next(void *data, FILE *out)
{
	struct metrics *metrics = data;

	switch (metrics->step) {
	case STEP_FIGURES:
		print_figures(out, metrics->agent);
		metrics->step = STEP_REASONS;
		return true;
	case STEP_REASONS:
		print_reasons(out, metrics->agent);
		fputs("# HELP l2resp_answers_total Number of requests answered since this node "
		      "holds the address, for one of the Services that share it\n"
		      "# TYPE l2resp_answers_total counter\n",
		      out);
		metrics->step = STEP_ANSWERS;
		return true;
	case STEP_ANSWERS:
		if (agent_answers_next(metrics->agent, &metrics->answers, print_answer, out))
			return true;
	}
	fprintf(out,
		"# HELP l2resp_answers_omitted Addresses without a series in l2resp_answers_total, "
		"which has 1,000 at most\n"
		"# TYPE l2resp_answers_omitted gauge\n"
		"l2resp_answers_omitted %zu\n",
		metrics->answers.left_out);
	return false;
}
