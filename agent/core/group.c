// SPDX-License-Identifier: GPL-2.0-or-later
/* The nodes' own addresses: publishes this node's to the others, and reserves all of them in the
 * pools. The lease thread makes sure that no node claims another node's. */
#include "agent_state.h"
#include "own_address.h"

/* Keeps pools from assigning the nodes' own addresses. */
static void reserve_all(struct agent *agent)
{
	struct address_list all = {};

	address_list_add_all(&all, &agent->own);
	address_list_add_all(&all, &agent->others);
	address_list_add_all(&all, &agent->named);
	address_list_sort_once(&all);
	source_reserve(agent->source, &all);
	address_list_free(&all);
}

void agent_update_group(struct agent *agent)
{
	const struct policy_input input = agent_policy_input(agent);
	size_t left_out;
	struct address_list own = own_address_find(&input, &agent->kernel.local, &left_out);
	bool alone = agent->config.engine == STORE_ENGINE_NONE;
	bool assigns = source_gives(agent->source), needs_others = !alone && assigns;

	/* its Node object may have more */
	if (source_known(agent->source)) {
		if (left_out && !agent->own_left_out)
			log_say(LOG_WARNING,
				"this node has more addresses than other nodes are told of; they "
				"might claim %zu of them",
				left_out);
		agent->own_left_out = left_out;
	}
	if (!address_list_same(&own, &agent->own) || needs_others != agent->needs_others)
		lease_thread_publish(agent->thread,
				     &(struct lease_self){ own.list, own.count, needs_others });
	address_list_free(&agent->own);
	agent->own = own;
	agent->needs_others = needs_others;
	address_list_free(&agent->named);
	agent->named = own_address_others(&input);
	/* pools assign nothing until the reserved addresses are complete */
	if (source_nodes(agent->source, assigns) && (alone || agent->others_known))
		reserve_all(agent);
}

void agent_group_changed(void *userdata)
{
	struct agent *agent = userdata;
	struct address_list others = {};

	if (lease_thread_owners(agent->thread, &others) < 0)
		return;
	address_list_free(&agent->others);
	agent->others = others;
	agent->others_known = true;
	if (source_gives(agent->source))
		agent_evaluate_soon(agent);
}

void agent_group_forget(struct agent *agent)
{
	address_list_free(&agent->others);
	agent->others_known = false;
}

bool agent_group_owns(const struct agent *agent, const struct address *address)
{
	return address_list_find(&agent->others, address);
}
