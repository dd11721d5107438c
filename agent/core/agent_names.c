// SPDX-License-Identifier: GPL-2.0-or-later
/* Names for shell completion. */
#include "agent_state.h"
#include "text.h"

/* A longer list is of no use, and would hold up the event loop. */
#define MAX_NAMES 1000

struct names {
	json_t *services, *addresses;
	json_t *nodes; /* an object, so that each name is in it once */
};

static void add_node(struct names *names, const char *name)
{
	if (*name)
		json_object_set_new(names->nodes, name, json_true());
}

static void add_addresses(struct agent *agent, const struct address_list *addresses,
			  struct names *names)
{
	for (size_t i = 0; i < addresses->count && json_array_size(names->addresses) < MAX_NAMES;
	     i++) {
		char ip[INET6_ADDRSTRLEN];
		struct lease_info info;

		json_array_append_new(names->addresses,
				      json_string(address_format(&addresses->list[i], ip)));
		if (lease_thread_info(agent->thread, &addresses->list[i], &info) < 0)
			continue;
		add_node(names, info.holder);
		add_node(names, info.former);
		add_node(names, info.wish);
	}
}

static void add_service(struct agent *agent, const struct service *service, struct names *names)
{
	if (json_array_size(names->services) >= MAX_NAMES)
		return;
	json_array_append_new(names->services,
			      json_sprintf("%s/%s", service->namespace, service->name));
	add_addresses(agent, &service->external, names);
	add_addresses(agent, &service->load_balancer, names);
}

json_t *agent_names(struct agent *agent)
{
	struct names names = { json_array(), json_array(), json_object() };
	size_t count;
	const struct manifest *const *manifests = source_manifests(agent->source, &count);

	add_node(&names, agent->config.node);
	for (size_t m = 0; m < count; m++)
		for (size_t i = 0; i < manifests[m]->service_count; i++)
			add_service(agent, manifests[m]->services[i], &names);
	return json_pack("{s:o, s:o, s:o}", "services", names.services, "addresses",
			 names.addresses, "nodes", names.nodes);
}
