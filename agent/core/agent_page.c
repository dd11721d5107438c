// SPDX-License-Identifier: GPL-2.0-or-later
/* Content of the status page, as JSON that is written in parts. */
#include <stdlib.h>
#include <string.h>

#include "agent_state.h"
#include "alloc.h"
#include "cleanup.h"
#include "clock.h"
#include "json.h"
#include "text.h"
#include "version.h"

/* Bounds of the status page, so that users can read it. */
#define SERVICES_MAX  200
#define ADDRESSES_MAX 500
#define CONFLICTS_MAX 20

#define NS_PER_MS 1e6

/* Counts by bucket; times_json() has the bounds. */
static json_t *histogram_json(const struct histogram *histogram)
{
	json_t *counts = json_array();

	for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++)
		json_array_append_new(counts, json_integer(atomic_load_explicit(
						      &histogram->count[i], memory_order_relaxed)));
	return counts;
}

static json_t *times_json(const struct agent_figures *figures)
{
	json_t *bounds = json_array();

	for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++)
		json_array_append_new(bounds, json_real(histogram_bounds_ns[i] / NS_PER_MS));
	return json_pack("{s:o, s:o, s:o, s:o}", "bounds_ms", bounds, "main_loop",
			 histogram_json(&figures->main_times->elapsed), "lease_loop",
			 histogram_json(&figures->lease_times->elapsed), "renewals",
			 histogram_json(&figures->lease.renew_times));
}

static json_t *session_json(const struct lease_status *lease)
{
	uint64_t now_ns = clock_boot_ns();

	return json_pack(
		"{s:s, s:I, s:I, s:I, s:f, s:I, s:o}", "state", lease_state_names[lease->state],
		"remaining_ms",
		(json_int_t)(lease->deadline_ns > now_ns ? (lease->deadline_ns - now_ns) / 1000000
							 : 0),
		"renewals", (json_int_t)lease->renewals, "renewal_failures",
		(json_int_t)lease->renewal_failures, "last_renewal_ms",
		lease->renew_latency_ns / NS_PER_MS, "sessions", (json_int_t)lease->sessions,
		"trouble", *lease->trouble ? text_json(lease->trouble) : json_null());
}

static json_t *conflicts_json(struct agent *agent)
{
	struct conflict_table table = {};
	json_t *list = json_array();
	struct err err;

	program_follow(agent->program);
	if (program_conflicts(agent->program, &table, &err) < 0)
		return list;
	for (size_t i = 0; i < table.count && i < CONFLICTS_MAX; i++) {
		const struct conflict_row *row = &table.rows[i];
		const struct links_row *link =
			links_find(links_table(agent->links), row->key.ifindex);
		char ip[INET6_ADDRSTRLEN], mac[MAC_TEXT_SIZE];
		struct address address;

		memcpy(address.bytes, row->key.address, sizeof(address.bytes));
		json_array_append_new(
			list, json_pack("{s:s, s:o, s:s, s:I}", "ip", address_format(&address, ip),
					"dev", link ? text_json(link->link.name) : json_null(),
					"mac", mac_format(row->key.mac, mac), "count",
					(json_int_t)row->value.count));
	}
	conflict_table_free(&table);
	return list;
}

static json_t *reasons_json(struct agent *agent)
{
	struct reason_survey survey;
	json_t *object = json_object();

	agent_survey_reasons(agent, &survey);
	for (enum reason reason = 1; reason < REASON_COUNT; reason++)
		if (survey.counts[reason])
			json_object_set_new(object, reason_name(reason),
					    json_integer(survey.counts[reason]));
	return object;
}

struct agent_page {
	struct agent *agent;
	struct rows rows;
	size_t left_out; /* Services beyond the bounds */
	bool begun;
};

static void choose_services(struct agent_page *page)
{
	const struct policy_input input = agent_policy_input(page->agent);
	const struct service *chosen[SERVICES_MAX];
	size_t count = 0, room = ADDRESSES_MAX;

	for (size_t m = 0; m < input.count; m++) {
		for (size_t i = 0; i < input.manifests[m]->service_count; i++) {
			const struct service *service = input.manifests[m]->services[i];
			size_t addresses = service_address_count(service);

			if (count == SERVICES_MAX || addresses > room) {
				page->left_out++;
				continue;
			}
			room -= addresses;
			chosen[count++] = service;
		}
	}
	rows_init(&page->rows, chosen, count);
}

/* All but the Services. */
static void write_node(struct agent_page *page, FILE *out)
{
	struct agent *agent = page->agent;
	_cleanup_json_ json_t *node = NULL;
	struct agent_figures figures;
	struct err why;
	bool ready = agent_ready(agent, &why);

	agent_figures(agent, &figures);
	node = json_pack("{s:s, s:I, s:s, s:s, s:b, s:o, s:b, s:o, s:I, s:I, s:I, s:o, s:o, s:I, "
			 "s:I, s:I, s:o}",
			 "version", version_text, "boot_ms",
			 (json_int_t)(clock_boot_ns() / NS_PER_MS), "node", agent->config.node,
			 "engine", store_engine_names[agent->config.engine], "ready", ready, "why",
			 *why.text ? text_json(why.text) : json_null(), "draining",
			 figures.draining, "session", session_json(&figures.lease), "wanted",
			 (json_int_t)figures.lease.wanted, "held", (json_int_t)figures.lease.held,
			 "entries", (json_int_t)figures.entries.present, "reasons",
			 reasons_json(agent), "conflicts", conflicts_json(agent), "conflicts_seen",
			 (json_int_t)figures.conflicts, "conflicts_defended",
			 (json_int_t)figures.defended, "conflicts_yielded",
			 (json_int_t)figures.yielded, "times", times_json(&figures));
	json_write_open(node, "services", out);
}

struct agent_page *agent_page_new(struct agent *agent)
{
	struct agent_page *page = xcalloc(1, sizeof(*page));

	page->agent = agent;
	choose_services(page);
	return page;
}

void agent_page_free(void *data)
{
	struct agent_page *page = data;

	rows_free(&page->rows);
	free(page);
}

bool agent_page_next(void *data, FILE *out)
{
	struct agent_page *page = data;

	if (!page->begun) {
		write_node(page, out);
		page->begun = true;
	} else if (!agent_show_rows(page->agent, &page->rows, out)) {
		fprintf(out, "], \"services_left_out\": %zu}", page->left_out);
		return false;
	}
	return true;
}
