// SPDX-License-Identifier: GPL-2.0-or-later
/* Why this node doesn't announce an address, because of policies, interfaces or its lease. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent_state.h"
#include "alloc.h"
#include "own_address.h"

void agent_why_unwanted(struct agent *agent, const struct policy_index *policies,
			const struct address *address, struct why *ret_why)
{
	const struct target *target = desired_find(&agent->desired, address);
	const struct desired_view view = agent_desired_view(agent);
	const struct policy_input input = agent_policy_input(agent);
	struct address alone = *address;
	struct policy_index *own = NULL;

	if (target) {
		desired_why(target, &view, ret_why);
		if (target->reason == REASON_NODE_ADDRESS)
			why_add(ret_why, ": %s",
				own_address_node(&input, address) ?: "it was until now");
		return;
	}
	if (!policies)
		policies = own = policy_index_at(&input, &(struct address_list){ &alone, 1, 0 });
	policy_index_why(policies, address, NULL, ret_why);
	policy_index_free(own);
}

void agent_why_no_part(const struct agent *agent, struct why *ret_why)
{
	struct lease_entries entries;
	struct lease_status lease;

	lease_thread_status(agent->thread, &lease, &entries);
	if (agent->draining) {
		why_set(ret_why, REASON_DRAINED);
	} else if (lease.state == LEASE_NAME_TAKEN) {
		why_set(ret_why, REASON_NAME_TAKEN);
	} else if (lease.state == LEASE_NEWER) {
		why_set(ret_why, REASON_NEWER_VERSION);
	} else if (!agent->session_known || lease.state == LEASE_CONNECTING) {
		why_set(ret_why, REASON_STORE_UNREACHABLE);
		if (*lease.trouble)
			why_add(ret_why, ": %s", lease.trouble);
		else if (lease.waits)
			why_add(ret_why, ": %s", lease.waits);
	} else {
		why_set(ret_why, REASON_NONE);
	}
}

static void add_slowest(struct why *why, const struct lease_slowest *slowest)
{
	why_add(why, ": leases of %s last %" PRIu64 " ms", slowest->node,
		slowest->duration_ns / 1000000);
}

bool agent_why_waits(const struct agent *agent, struct address *ret_address, struct why *ret_why)
{
	struct lease_entries entries;
	struct lease_status lease;

	lease_thread_status(agent->thread, &lease, &entries);
	if (!*lease.slowest.node)
		return false;
	*ret_address = lease.slow_address;
	why_set(ret_why, REASON_LONG_LEASES);
	add_slowest(ret_why, &lease.slowest);
	return true;
}

enum reason agent_reason(const struct agent *agent, const struct address *address,
			 const struct lease_info *info, enum reason no_part)
{
	enum reason reason;

	if (info->held)
		return reconcile_why_silent(agent->reconcile, address);
	reason = desired_reason(&agent->desired, address) ?: no_part;
	if (reason || info->newer)
		return reason ?: REASON_NEWER_CLAIM;
	if (!*info->holder || !info->holder_alive || !strcmp(info->holder, agent->config.node))
		return *info->owner	     ? REASON_NODE_ADDRESS
		       : *info->slowest.node ? REASON_LONG_LEASES
					     : REASON_NOT_CLAIMED;
	return info->holder_preferred && !desired_find(&agent->desired, address)->terms.group.member
		       ? REASON_NOT_PREFERRED
		       : REASON_OTHER_NODE;
}

void agent_why(struct agent *agent, const struct policy_index *policies,
	       const struct address *address, const struct lease_info *info, struct why *ret_why)
{
	struct why no_part = {};

	/* asks the lease thread, which is slow for one of many addresses */
	if (!info->held)
		agent_why_no_part(agent, &no_part);
	agent_why_of(agent, policies, &no_part, address, info, ret_why);
}

void agent_why_of(struct agent *agent, const struct policy_index *policies,
		  const struct why *no_part, const struct address *address,
		  const struct lease_info *info, struct why *ret_why)
{
	enum reason reason = agent_reason(agent, address, info, no_part->reason);
	struct err full;

	if (!info->held && desired_reason(&agent->desired, address)) {
		agent_why_unwanted(agent, policies, address, ret_why);
	} else if (reason && reason == no_part->reason) {
		*ret_why = *no_part;
	} else {
		why_set(ret_why, reason);
		if (reason == REASON_MAP_FULL && no_room_is(agent->no_room, address, 0, &full))
			why_add(ret_why, ": %s", full.text);
		else if (reason == REASON_OTHER_NODE || reason == REASON_NOT_PREFERRED)
			why_add(ret_why, ": %s", info->holder);
		else if (reason == REASON_NODE_ADDRESS)
			why_add(ret_why, ": %s", info->owner);
		else if (reason == REASON_LONG_LEASES)
			add_slowest(ret_why, &info->slowest);
		else if (reason == REASON_NOT_CLAIMED && info->store_full)
			why_add(ret_why, ": the store has too many records for a new one");
	}
}

bool agent_knows_holders(const struct agent *agent)
{
	struct lease_entries entries;
	struct lease_status lease;

	lease_thread_status(agent->thread, &lease, &entries);
	return agent->session_known && lease.state != LEASE_CONNECTING;
}

void agent_why_no_address(const struct agent *agent, const struct service *service,
			  struct why *ret_why)
{
	const struct service_class class = agent_policy_input(agent).class;
	bool lacks = service->wants_load_balancer && !service->load_balancer.count;

	if (lacks && !service_is_of(service, &class)) {
		why_set(ret_why, REASON_OTHER_CLASS);
		why_add(ret_why, ": %s; this agent's is %s", service_class_text(service),
			class.name);
	} else {
		source_why_no_more(agent->source, service, ret_why);
	}
}

static void why_not(const struct policy_index *here, const struct address *address,
		    const struct lease_info *info, struct why *ret_why, void *userdata)
{
	agent_why(userdata, here, address, info, ret_why);
}

void agent_notify_view(struct notify_view *ret_view, void *userdata)
{
	struct agent *agent = userdata;

	*ret_view = (struct notify_view){
		.source = agent->source,
		.desired = &agent->desired,
		.links = links_table(agent->links),
		.reconcile = agent->reconcile,
		.thread = agent->thread,
		.node = agent->config.node,
		.class = agent_policy_input(agent).class,
		.knows = agent_knows_holders(agent),
		.shared = agent->config.engine != STORE_ENGINE_NONE,
		.input = agent_policy_input(agent),
		.why = why_not,
		.userdata = agent,
		.duration_ns = agent->config.timing.duration_ns,
	};
}
