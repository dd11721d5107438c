// SPDX-License-Identifier: GPL-2.0-or-later
/* What the nodes of the group have as their own: this one's is told to the others, and all of it to
 * the pools. That no node claims another one's is for the lease thread to see to. */
#include "agent_state.h"
#include "lease_record.h"
#include "policy_force.h"

/* Is @address one that other hosts may know this node by? */
static bool is_global(const struct address *address)
{
	const uint8_t *byte = address->bytes, *v4 = byte + ADDRESS_V4_OFFSET;

	if (address_is_v4(address))
		return v4[0] && v4[0] != 127 && v4[0] < 224 && !(v4[0] == 169 && v4[1] == 254);
	return !IN6_IS_ADDR_UNSPECIFIED((const struct in6_addr *)byte) &&
	       !IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)byte) &&
	       !IN6_IS_ADDR_LINKLOCAL((const struct in6_addr *)byte) &&
	       !IN6_IS_ADDR_MULTICAST((const struct in6_addr *)byte);
}

/* On lo and on devices without ARP, as kube-proxy's kube-ipvs0, each node has the Services'. */
static bool is_own(const struct agent *agent, const struct local_address *local)
{
	const struct link_row *row = link_table_find(links_table(agent->links), local->ifindex);

	return !local->proxy && row && row->suitable && is_global(&local->address);
}

/* Its Node's go first, should there be too many. Ascending. */
static struct address_list find_own(const struct agent *agent)
{
	const struct policy_input input = agent_policy_input(agent);
	const struct node *node = node_find(input.manifests, input.count, input.node);
	const struct local_address_table *local = &agent->kernel.local;
	struct address_list own = {};

	for (size_t i = 0; node && i < node->addresses.count; i++)
		if (is_global(&node->addresses.list[i]))
			address_list_include(&own, &node->addresses.list[i]);
	for (size_t i = 0; i < local->count; i++)
		if (is_own(agent, &local->rows[i]))
			address_list_include(&own, &local->rows[i].address);
	if (own.count > LEASE_OWN_MAX && agent->own.count != LEASE_OWN_MAX)
		log_say(LOG_WARNING,
			"this node has %zu addresses; other nodes are told of %d, and might claim "
			"the others",
			own.count, LEASE_OWN_MAX);
	if (own.count > LEASE_OWN_MAX)
		own.count = LEASE_OWN_MAX;
	address_list_sort(&own);
	return own;
}

/* Pools give none of these. */
static void reserve(struct agent *agent)
{
	struct address_list all = {};

	for (size_t i = 0; i < agent->own.count; i++)
		address_list_add(&all, &agent->own.list[i]);
	for (size_t i = 0; i < agent->others.count; i++)
		if (!address_list_find(&agent->own, &agent->others.list[i]))
			address_list_add(&all, &agent->others.list[i]);
	address_list_sort(&all);
	source_reserve(agent->source, &all);
	address_list_free(&all);
}

void agent_tell_group(struct agent *agent)
{
	struct address_list own = find_own(agent);
	bool alone = agent->config.engine == LEASE_ENGINE_NONE;
	bool asks = !alone && source_gives(agent->source);

	if (!address_list_same(&own, &agent->own) || asks != agent->asks)
		lease_thread_publish(agent->thread,
				     &(struct lease_self){ own.list, own.count, asks });
	address_list_free(&agent->own);
	agent->own = own;
	agent->asks = asks;
	if (alone || agent->others_known)
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
