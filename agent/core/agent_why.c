// SPDX-License-Identifier: GPL-2.0-or-later
/* Why this node doesn't announce an address: by its policies and devices, then by its lease. */
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "agent_state.h"

void agent_why_unwanted(struct agent *agent, const struct address *address, struct why *ret_why)
{
	const struct target *target = desired_find(&agent->desired, address);
	const struct policy_input input = agent_policy_input(agent);
	const struct desired_view view = agent_desired_view(agent);

	if (target)
		desired_why(target, &view, ret_why);
	else
		policy_why(&input, address, NULL, ret_why);
}

/* Why this node takes no part, whatever the address; REASON_NONE: it does. */
static void why_no_part(const struct agent *agent, const struct lease_status *lease,
			struct why *ret_why)
{
	if (agent->draining) {
		why_set(ret_why, REASON_DRAINED);
	} else if (lease->state == LEASE_NAME_TAKEN) {
		why_set(ret_why, REASON_NAME_TAKEN);
	} else if (!agent->session_known || lease->state == LEASE_CONNECTING) {
		why_set(ret_why, REASON_STORE_UNREACHABLE);
		if (*lease->trouble)
			why_add(ret_why, ": %s", lease->trouble);
	} else {
		why_set(ret_why, REASON_NONE);
	}
}

void agent_why_no_part(const struct agent *agent, struct why *ret_why)
{
	struct lease_entries entries;
	struct lease_status lease;

	lease_thread_status(agent->thread, &lease, &entries);
	why_no_part(agent, &lease, ret_why);
}

/* Why there is no entry for what this node holds. */
static void why_silent(const struct agent *agent, const struct address *address,
		       struct why *ret_why)
{
	enum reason reason = reconcile_why_silent(agent->reconcile, address);

	/* it may be on its way */
	if (reason == REASON_MAP_FULL && !*agent->no_room.text)
		reason = REASON_NONE;
	why_set(ret_why, reason);
	if (reason == REASON_MAP_FULL)
		why_add(ret_why, ": %s", agent->no_room.text);
}

void agent_why(struct agent *agent, const struct address *address, const struct lease_info *info,
	       struct why *ret_why)
{
	const struct target *target = desired_find(&agent->desired, address);

	if (info->held) {
		why_silent(agent, address, ret_why);
		return;
	}
	agent_why_unwanted(agent, address, ret_why);
	if (ret_why->reason)
		return;
	agent_why_no_part(agent, ret_why);
	if (ret_why->reason)
		return;
	if (!*info->holder || !info->holder_alive || !strcmp(info->holder, agent->config.node)) {
		why_set(ret_why, REASON_NOT_CLAIMED);
		return;
	}
	why_set(ret_why, info->holder_preferred && !target->terms.group.member
				 ? REASON_NOT_PREFERRED
				 : REASON_OTHER_NODE);
	why_add(ret_why, ": %s", info->holder);
}

bool agent_knows_holders(const struct agent *agent)
{
	struct lease_entries entries;
	struct lease_status lease;

	lease_thread_status(agent->thread, &lease, &entries);
	return lease.state != LEASE_CONNECTING;
}

void agent_count_reasons(struct agent *agent, size_t ret_counts[REASON_COUNT])
{
	const struct desired *desired = &agent->desired;
	struct address *waiting = xcalloc(desired->count + 1, sizeof(*waiting));
	bool *alive = xcalloc(desired->count + 1, sizeof(*alive));
	struct why no_part;
	size_t count = 0;

	desired_count(desired, ret_counts);
	ret_counts[REASON_NONE] = 0;
	agent_why_no_part(agent, &no_part);
	for (size_t i = 0; i < desired->count; i++) {
		const struct address *address = &desired->list[i].address;
		struct why why;

		if (desired->list[i].reason)
			continue;
		if (reconcile_holds(agent->reconcile, address)) {
			why_silent(agent, address, &why);
			ret_counts[why.reason]++;
		} else if (no_part.reason) {
			ret_counts[no_part.reason]++;
		} else {
			waiting[count++] = *address;
		}
	}
	lease_thread_alive(agent->thread, waiting, count, alive);
	for (size_t i = 0; i < count; i++)
		ret_counts[alive[i] ? REASON_OTHER_NODE : REASON_NOT_CLAIMED]++;
	free(waiting);
	free(alive);
}
