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

static void add_nodes(size_t at, const struct lease_info *info, void *data)
{
	add_node(data, info->holder);
	add_node(data, info->former);
	add_node(data, info->wish);
}

static void add_service(const struct service *service, struct names *names,
			struct address_list *addresses)
{
	if (json_array_size(names->services) >= MAX_NAMES)
		return;
	json_array_append_new(names->services,
			      json_sprintf("%s/%s", service->namespace, service->name));
	if (addresses->count < MAX_NAMES)
		service_add_addresses(service, addresses);
}

/* With the nodes that their claims name. */
static void add_addresses(struct agent *agent, const struct address_list *addresses,
			  struct names *names)
{
	size_t count = addresses->count < MAX_NAMES ? addresses->count : MAX_NAMES;

	for (size_t i = 0; i < count; i++) {
		char ip[INET6_ADDRSTRLEN];

		json_array_append_new(names->addresses,
				      json_string(address_format(&addresses->list[i], ip)));
	}
	lease_thread_find(agent->thread, addresses->list, count, add_nodes, names);
}

json_t *agent_names(struct agent *agent)
{
	struct names names = { json_array(), json_array(), json_object() };
	struct address_list addresses = {};
	size_t count;
	const struct manifest *const *manifests = source_manifests(agent->source, &count);

	add_node(&names, agent->config.node);
	for (size_t m = 0; m < count; m++)
		for (size_t i = 0; i < manifests[m]->service_count; i++)
			add_service(manifests[m]->services[i], &names, &addresses);
	add_addresses(agent, &addresses, &names);
	address_list_free(&addresses);
	return json_pack("{s:o, s:o, s:o}", "services", names.services, "addresses",
			 names.addresses, "nodes", names.nodes);
}
