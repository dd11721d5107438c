// SPDX-License-Identifier: GPL-2.0-or-later
/* All Services at once: who has which address, and how many there are of each reason. */
#include <stdlib.h>
#include <string.h>

#include "agent_state.h"
#include "alloc.h"
#include "cleanup.h"
#include "policy_force.h"
#include "text.h"

/* ---- how many ---- */

struct counting {
	const struct agent *agent;
	struct address *waiting; /* to be claimed, and not held */
	size_t *counts;
	enum reason no_part;
};

static void count_waiting(size_t at, const struct lease_info *info, void *data)
{
	const struct counting *counting = data;

	counting->counts[agent_reason(counting->agent, &counting->waiting[at], info,
				      counting->no_part)]++;
}

void agent_count_reasons(struct agent *agent, size_t ret_counts[REASON_COUNT])
{
	const struct desired *desired = &agent->desired;
	const struct policy_input input = agent_policy_input(agent);
	_cleanup_free_ const struct service **services = NULL;
	struct counting counting = { .agent = agent, .counts = ret_counts };
	const struct lease_info held = { .held = true };
	size_t count = 0, service_count;
	struct why why;

	desired_count(desired, ret_counts);
	ret_counts[REASON_NONE] = 0;
	agent_why_no_part(agent, &why);
	counting.no_part = why.reason;
	counting.waiting = xcalloc(desired->count + 1, sizeof(*counting.waiting));
	for (size_t i = 0; i < desired->count; i++) {
		const struct address *address = &desired->list[i].address;

		if (desired->list[i].reason)
			continue;
		if (reconcile_holds(agent->reconcile, address))
			ret_counts[agent_reason(agent, address, &held, why.reason)]++;
		else
			counting.waiting[count++] = *address;
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
	enum reason no_part;
	bool knows_holders;
	struct address *addresses; /* of all Services, in their order */
	json_t **lists;		   /* each address's Service's */
	size_t count, capacity, list_capacity;
	struct why first[REASON_COUNT]; /* an example each, with its address */
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

/* Once for each reason: what it is here takes longer to find out. */
static void note_example(struct listing *listing, const struct address *address,
			 const struct lease_info *info, enum reason reason)
{
	struct why *first = &listing->first[reason];
	char ip[INET6_ADDRSTRLEN];
	struct why why;

	if (!reason || first->reason)
		return;
	agent_why(listing->agent, address, info, &why);
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
		/* one without any address isn't meant to be announced */
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
	services = list_services(&listing);
	agent_count_reasons(agent, counts);
	return json_pack("{s:s, s:b, s:b, s:o, s:{s:s, s:s, s:o}, s:I, s:I, s:I, s:I, s:o, s:o}",
			 "node", agent->config.node, "drained", agent->draining, "ready", ready,
			 "why", *why.text ? text_json(why.text) : json_null(), "store", "engine",
			 lease_engine_names[agent->config.engine], "state",
			 lease_state_names[lease.state], "trouble",
			 *lease.trouble ? text_json(lease.trouble) : json_null(), "sessions",
			 (json_int_t)lease.sessions, "wanted", (json_int_t)lease.wanted, "held",
			 (json_int_t)lease.held, "announced", (json_int_t)counts[REASON_NONE],
			 "reasons", list_reasons(&listing, counts), "services", services);
}
