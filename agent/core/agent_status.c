// SPDX-License-Identifier: GPL-2.0-or-later
/* All Services: the holders of their addresses, and the number of addresses by reason. */
#include <stdlib.h>
#include <string.h>

#include "agent_state.h"
#include "alloc.h"
#include "cleanup.h"
#include "clock.h"
#include "policy_force.h"
#include "text.h"
#include "version.h"

/* Bounds of the status page, so that users can read it and the main loop isn't held up. */
#define SERVICES_MAX  200
#define ADDRESSES_MAX 500
#define CONFLICTS_MAX 20

#define NS_PER_MS 1e6

/* ---- number of addresses by reason ---- */

struct agent_counting {
	const struct agent *agent;
	struct address *waiting; /* to be claimed, but not held */
	size_t *counts;
	enum reason no_part;
};

static void count_waiting(size_t at, const struct lease_info *info, void *data)
{
	const struct agent_counting *counting = data;

	counting->counts[agent_reason(counting->agent, &counting->waiting[at], info,
				      counting->no_part)]++;
}

void agent_count_reasons(struct agent *agent, size_t ret_counts[REASON_COUNT])
{
	const struct desired *desired = &agent->desired;
	const struct policy_input input = agent_policy_input(agent);
	_cleanup_free_ const struct service **services = NULL;
	struct agent_counting counting = { .agent = agent, .counts = ret_counts };
	size_t count = 0, service_count;
	enum reason silent;
	struct why why;

	desired_count(desired, ret_counts);
	ret_counts[REASON_NONE] = 0;
	agent_why_no_part(agent, &why);
	counting.no_part = why.reason;
	counting.waiting = xcalloc(desired->count + 1, sizeof(*counting.waiting));
	for (size_t i = 0; i < desired->count; i++) {
		const struct target *target = &desired->list[i];

		if (target->reason)
			continue;
		if (reconcile_holds_target(agent->reconcile, target, &silent))
			ret_counts[silent]++;
		else
			counting.waiting[count++] = target->address;
	}
	lease_thread_find(agent->thread, counting.waiting, count, count_waiting, &counting);
	free(counting.waiting);
	services = services_in_force(input.manifests, input.count, &service_count);
	for (size_t i = 0; i < service_count; i++) {
		if (!services[i]->wants_load_balancer || services[i]->load_balancer.count)
			continue;
		agent_why_no_address(agent, services[i], &why);
		ret_counts[why.reason]++;
	}
}

/* ---- a line a Service ---- */

struct listing {
	struct agent *agent;
	struct policy_index *policies;
	enum reason no_part;
	bool knows_holders;
	struct address *addresses; /* of all Services, in their order */
	json_t **lists;		   /* for each address, its Service's list */
	size_t count, capacity, list_capacity;
	struct why first[REASON_COUNT]; /* an example of each reason, with its address */
};

static void list_addresses(struct listing *listing, const struct address_list *addresses,
			   json_t *list)
{
	for (size_t i = 0; i < addresses->count; i++) {
		if (listing->count == listing->list_capacity)
			listing->lists =
				xreallocarray(listing->lists,
					      listing->list_capacity = 2 * listing->count + 16,
					      sizeof(json_t *));
		ALLOC_GROW(listing->addresses, listing->count, listing->capacity);
		listing->lists[listing->count] = list;
		listing->addresses[listing->count++] = addresses->list[i];
	}
}

/* Keeps one example of each reason, because agent_why() is slow. */
static void note_example(struct listing *listing, const struct address *address,
			 const struct lease_info *info, enum reason reason)
{
	struct why *first = &listing->first[reason];
	char ip[INET6_ADDRSTRLEN];
	struct why why;

	if (!reason || first->reason)
		return;
	agent_why(listing->agent, listing->policies, address, info, &why);
	first->reason = reason;
	err_write(&first->text, "%s: %s", address_format(address, ip), why.text.text);
}

static void list_found(size_t at, const struct lease_info *info, void *data)
{
	struct listing *listing = data;
	const struct address *address = &listing->addresses[at];
	enum reason reason = agent_reason(listing->agent, address, info, listing->no_part);
	bool known = info->held || (listing->knows_holders && !info->unknown);
	const char *holder = info->held || info->holder_alive ? info->holder : "";
	char ip[INET6_ADDRSTRLEN];

	note_example(listing, address, info, reason);
	json_array_append_new(
		listing->lists[at],
		json_pack("{s:s, s:o, s:b, s:s?}", "ip", address_format(address, ip), "holder",
			  known && *holder ? json_string(holder) : json_null(), "known", known,
			  "reason", reason ? reason_name(reason) : NULL));
}

static json_t *list_services(struct listing *listing)
{
	const struct policy_input input = agent_policy_input(listing->agent);
	json_t *rows = json_array();
	size_t count;
	_cleanup_free_ const struct service **services =
		services_in_force(input.manifests, input.count, &count);

	for (size_t i = 0; i < count; i++) {
		const struct service *service = services[i];
		json_t *addresses = json_array();
		struct why why;

		agent_why_no_address(listing->agent, service, &why);
		/* a Service without any address isn't meant to be announced */
		if (!service->external.count && !service->load_balancer.count && !why.reason) {
			json_decref(addresses);
			continue;
		}
		if (why.reason && !listing->first[why.reason].reason) {
			listing->first[why.reason].reason = why.reason;
			err_write(&listing->first[why.reason].text, "%s/%s: %s", service->namespace,
				  service->name, why.text.text);
		}
		list_addresses(listing, &service->external, addresses);
		list_addresses(listing, &service->load_balancer, addresses);
		json_array_append_new(rows, json_pack("{s:s, s:s, s:s?, s:o}", "namespace",
						      service->namespace, "service", service->name,
						      "reason",
						      why.reason ? reason_name(why.reason) : NULL,
						      "addresses", addresses));
	}
	lease_thread_find(listing->agent->thread, listing->addresses, listing->count, list_found,
			  listing);
	free(listing->addresses);
	free(listing->lists);
	return rows;
}

static json_t *list_reasons(const struct listing *listing, const size_t counts[REASON_COUNT])
{
	json_t *rows = json_array();

	for (enum reason reason = 1; reason < REASON_COUNT; reason++) {
		const char *example = listing->first[reason].reason
					      ? listing->first[reason].text.text
					      : reason_sentence(reason);

		if (counts[reason])
			json_array_append_new(rows, json_pack("{s:s, s:I, s:o}", "reason",
							      reason_name(reason), "count",
							      (json_int_t)counts[reason], "why",
							      text_json(example)));
	}
	return rows;
}

json_t *agent_status(struct agent *agent)
{
	struct listing listing = { .agent = agent, .knows_holders = agent_knows_holders(agent) };
	const struct policy_input input = agent_policy_input(agent);
	size_t counts[REASON_COUNT];
	struct lease_entries entries;
	struct lease_status lease;
	json_t *services;
	struct why no_part;
	struct err why;
	bool ready = agent_ready(agent, &why);

	lease_thread_status(agent->thread, &lease, &entries);
	agent_why_no_part(agent, &no_part);
	listing.no_part = no_part.reason;
	listing.policies = policy_index_new(&input);
	services = list_services(&listing);
	policy_index_free(listing.policies);
	agent_count_reasons(agent, counts);
	return json_pack("{s:s, s:b, s:b, s:o, s:{s:s, s:s, s:o}, s:I, s:I, s:I, s:I, s:o, s:o}",
			 "node", agent->config.node, "drained", agent->draining, "ready", ready,
			 "why", *why.text ? text_json(why.text) : json_null(), "store", "engine",
			 store_engine_names[agent->config.engine], "state",
			 lease_state_names[lease.state], "trouble",
			 *lease.trouble ? text_json(lease.trouble) : json_null(), "sessions",
			 (json_int_t)lease.sessions, "wanted", (json_int_t)lease.wanted, "held",
			 (json_int_t)lease.held, "announced", (json_int_t)counts[REASON_NONE],
			 "reasons", list_reasons(&listing, counts), "services", services);
}

/* ---- answers, and the status page ---- */

static uint64_t answers_of(const struct agent *agent, const struct target *target)
{
	uint64_t answers = 0;

	for (size_t on = 0; on < target->count; on++)
		answers += program_answers_sent(agent->program, &target->address,
						target->on[on].ifindex);
	return answers;
}

uint64_t agent_answers(const struct agent *agent, const struct address *address)
{
	const struct target *target = desired_find(&agent->desired, address);

	return target ? answers_of(agent, target) : 0;
}

size_t agent_visit_answers(struct agent *agent, size_t most, agent_answers_fn *visit, void *data)
{
	const struct desired *desired = &agent->desired;
	enum reason ignored;
	size_t held = 0;

	program_follow(agent->program);
	for (size_t i = 0; i < desired->count; i++) {
		const struct target *target = &desired->list[i];

		if (reconcile_holds_target(agent->reconcile, target, &ignored) && held++ < most)
			visit(&target->address, target->service, answers_of(agent, target), data);
	}
	return held > most ? held - most : 0;
}

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

/* *@left_out: number of Services beyond the bound. */
static json_t *services_json(struct agent *agent, size_t *left_out)
{
	const struct policy_input input = agent_policy_input(agent);
	struct policy_index *policies = policy_index_new(&input);
	json_t *list = json_array();
	struct slice_index slices;
	size_t room = ADDRESSES_MAX;

	*left_out = 0;
	slice_index_make(input.manifests, input.count, &slices);
	for (size_t m = 0; m < input.count; m++) {
		for (size_t i = 0; i < input.manifests[m]->service_count; i++) {
			const struct service *service = input.manifests[m]->services[i];
			size_t addresses = service->external.count + service->load_balancer.count;

			if (json_array_size(list) == SERVICES_MAX || addresses > room) {
				++*left_out;
				continue;
			}
			room -= addresses;
			json_array_append_new(list, agent_show_service(agent, policies, &slices,
								       service));
		}
	}
	slice_index_free(&slices);
	policy_index_free(policies);
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
	return json_pack("{s:s, s:I, s:s, s:s, s:b, s:o, s:b, s:o, s:I, s:I, s:I, s:o, s:o, s:I, "
			 "s:I, s:I, s:o, s:o, s:I}",
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
			 (json_int_t)figures.yielded, "times", times_json(&figures), "services",
			 services, "services_left_out", (json_int_t)left_out);
}
