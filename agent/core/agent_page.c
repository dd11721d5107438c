// SPDX-License-Identifier: GPL-2.0-or-later
/* What the status page shows, and the answers that it counts. */
#include <stdlib.h>

#include "agent_state.h"
#include "alloc.h"
#include "clock.h"
#include "text.h"

/* Services and conflicts of a status: what a person looks through, and the main loop has time for.
 */
#define SERVICES_MAX  200
#define CONFLICTS_MAX 20

#define NS_PER_MS 1e6

uint64_t agent_answers(struct agent *agent, const struct address *address)
{
	const struct target *target = desired_find(&agent->desired, address);
	uint64_t answers = 0;

	for (size_t on = 0; target && on < target->count; on++)
		answers += program_answers_sent(agent->program, address, target->on[on].ifindex);
	return answers;
}

struct answers {
	struct agent *agent;
	size_t most, shown;
	bool *done; /* by place in what is desired: an address may have several Services */
	agent_answers_fn *visit;
	void *data;
};

static void visit_addresses(struct answers *answers, const struct service *service,
			    const struct address_list *addresses)
{
	struct agent *agent = answers->agent;

	for (size_t i = 0; i < addresses->count && answers->shown < answers->most; i++) {
		const struct address *address = &addresses->list[i];
		const struct target *target = desired_find(&agent->desired, address);

		if (!target || answers->done[target - agent->desired.list] ||
		    !reconcile_holds(agent->reconcile, address))
			continue;
		answers->done[target - agent->desired.list] = true;
		answers->shown++;
		answers->visit(address, service, agent_answers(agent, address), answers->data);
	}
}

size_t agent_visit_answers(struct agent *agent, size_t most, agent_answers_fn *visit, void *data)
{
	struct answers answers = {
		.agent = agent,
		.most = most,
		.done = xcalloc(agent->desired.count + 1, sizeof(bool)),
		.visit = visit,
		.data = data,
	};
	size_t count, held = 0;
	const struct manifest *const *manifests = source_manifests(agent->source, &count);

	program_follow(agent->program);
	for (size_t m = 0; m < count; m++) {
		for (size_t i = 0; i < manifests[m]->service_count; i++) {
			const struct service *service = manifests[m]->services[i];

			visit_addresses(&answers, service, &service->external);
			visit_addresses(&answers, service, &service->load_balancer);
		}
	}
	free(answers.done);
	for (size_t i = 0; i < agent->desired.count; i++)
		held += reconcile_holds(agent->reconcile, &agent->desired.list[i].address);
	return held - answers.shown;
}

/* Counts by bucket, as the bounds that go with all of them. */
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
			 histogram_json(figures->main_times), "lease_loop",
			 histogram_json(figures->lease_times), "renewals",
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
		const struct link_row *link =
			link_table_find(links_table(agent->links), row->key.ifindex);
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

/* *@left_out: how many Services are beyond the bound. */
static json_t *services_json(struct agent *agent, size_t *left_out)
{
	size_t count;
	const struct manifest *const *manifests = source_manifests(agent->source, &count);
	json_t *list = json_array();

	*left_out = 0;
	for (size_t m = 0; m < count; m++) {
		for (size_t i = 0; i < manifests[m]->service_count; i++) {
			if (json_array_size(list) < SERVICES_MAX)
				json_array_append_new(
					list, agent_show_service(agent, manifests[m]->services[i]));
			else
				++*left_out;
		}
	}
	return list;
}

static json_t *reasons_json(struct agent *agent)
{
	size_t counts[REASON_COUNT];
	json_t *object = json_object();

	agent_count_reasons(agent, counts);
	for (enum reason reason = 1; reason < REASON_COUNT; reason++)
		if (counts[reason])
			json_object_set_new(object, reason_name(reason),
					    json_integer(counts[reason]));
	return object;
}

json_t *agent_page(struct agent *agent)
{
	struct agent_figures figures;
	size_t left_out;
	struct err why;
	bool ready = agent_ready(agent, &why);
	json_t *services = services_json(agent, &left_out);

	agent_figures(agent, &figures);
	return json_pack("{s:s, s:s, s:s, s:b, s:o, s:b, s:o, s:I, s:I, s:I, s:o, s:o, s:I, s:I, "
			 "s:I, s:o, s:o, s:I}",
			 "version", L2RESP_VERSION, "node", agent->config.node, "engine",
			 lease_engine_names[agent->config.engine], "ready", ready, "why",
			 *why.text ? text_json(why.text) : json_null(), "draining",
			 figures.draining, "session", session_json(&figures.lease), "wanted",
			 (json_int_t)figures.lease.wanted, "held", (json_int_t)figures.lease.held,
			 "entries", (json_int_t)figures.entries.present, "reasons",
			 reasons_json(agent), "conflicts", conflicts_json(agent), "conflicts_seen",
			 (json_int_t)figures.conflicts, "conflicts_defended",
			 (json_int_t)figures.defended, "conflicts_yielded",
			 (json_int_t)figures.yielded, "times", times_json(&figures), "services",
			 services, "services_left_out", (json_int_t)left_out);
}
