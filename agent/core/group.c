// SPDX-License-Identifier: GPL-2.0-or-later
/* What the nodes of the group have as their own: this one's is told to the others, and all of it to
 * the pools. That no node claims another one's is for the lease thread to see to. */
#include "agent_state.h"
#include "own_address.h"

/* Pools give none of these. */
static void reserve(struct agent *agent)
{
	struct address_list all = {};

	address_list_add_all(&all, &agent->own);
	address_list_add_all(&all, &agent->others);
	address_list_add_all(&all, &agent->named);
	address_list_sort_once(&all);
	source_reserve(agent->source, &all);
	address_list_free(&all);
}

void agent_tell_group(struct agent *agent)
{
	const struct policy_input input = agent_policy_input(agent);
	size_t left_out;
	struct address_list own = own_address_find(&input, &agent->kernel.local, &left_out);
	bool alone = agent->config.engine == LEASE_ENGINE_NONE;
	bool gives = source_gives(agent->source), asks = !alone && gives;

	if (left_out && !agent->own_left_out)
		log_say(LOG_WARNING,
			"this node has more addresses than other nodes are told of; they might "
			"claim %zu of them",
			left_out);
	agent->own_left_out = left_out;
	if (!address_list_same(&own, &agent->own) || asks != agent->asks)
		lease_thread_publish(agent->thread,
				     &(struct lease_self){ own.list, own.count, asks });
	address_list_free(&agent->own);
	agent->own = own;
	agent->asks = asks;
	address_list_free(&agent->named);
	agent->named = own_address_others(&input);
	/* what is reserved is complete, or pools wait */
	if (source_nodes(agent->source, gives) && (alone || agent->others_known))
		reserve(agent);
}

void agent_group_heard(void *userdata)
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
