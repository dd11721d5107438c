// SPDX-License-Identifier: GPL-2.0-or-later
/* What this node knows of an address, and of a Service with its addresses, as JSON. */
#include <stdlib.h>
#include <string.h>

#include "agent_rows.h"
#include "agent_state.h"
#include "alloc.h"
#include "cleanup.h"
#include "json.h"
#include "lease_name.h"
#include "policy.h"
#include "text.h"
#include "virtual_mac.h"

static json_t *text_or_null(const char *text)
{
	return *text ? text_json(text) : json_null();
}

static json_t *claim_json(const struct address *address, const struct lease_info *info,
			  const struct why *why)
{
	char ip[INET6_ADDRSTRLEN];

	return json_pack("{s:s, s:o, s:b, s:b, s:o, s:I, s:I, s:o, s:o}", "ip",
			 address_format(address, ip), "holder", text_or_null(info->holder), "held",
			 info->held, "alive", info->holder_alive, "wish", text_or_null(info->wish),
			 "remaining_ms", (json_int_t)(info->remaining_ns / 1000000), "transitions",
			 (json_int_t)info->transitions, "reason",
			 text_or_null(why->reason ? reason_name(why->reason) : ""), "why",
			 text_or_null(why->text.text));
}

json_t *agent_who_holds(struct agent *agent, const struct address *address, struct err *err)
{
	char ip[INET6_ADDRSTRLEN];
	struct lease_info info;
	struct why why;

	lease_thread_info(agent->thread, address, &info);
	address_format(address, ip);
	agent_why(agent, NULL, address, &info, &why);
	if (!agent_knows_holders(agent) && !info.held) {
		agent_why_no_part(agent, &why);
		err_write(err, "%s: %s", ip, why.text.text);
		if (*info.holder)
			err_write(err, "%s: %s; before that, %s did", ip, why.text.text,
				  info.holder);
		return NULL;
	}
	if (info.absent || info.unknown) {
		err_write(err, "%s: %s", ip, why.text.text);
		return NULL;
	}
	return claim_json(address, &info, &why);
}

static const struct service *find_service(const struct manifest *const *manifests, size_t count,
					  const char *name)
{
	const struct service *found = NULL;

	for (size_t m = 0; m < count; m++)
		for (size_t i = 0; i < manifests[m]->service_count; i++) {
			const struct service *service = manifests[m]->services[i];
			size_t length = strlen(service->namespace);

			if (!strncmp(name, service->namespace, length) && name[length] == '/' &&
			    !strcmp(name + length + 1, service->name))
				found = service;
		}
	return found;
}

static void add_policy(const struct policy *policy, void *userdata)
{
	json_array_append_new(userdata, json_string(policy->name));
}

/* The virtual MAC of @target; null: it has none. */
static json_t *virtual_mac_of(const struct target *target)
{
	char text[MAC_TEXT_SIZE];
	uint8_t mac[ETH_ALEN];

	if (!target || target->terms.mac != MAC_VIRTUAL)
		return json_null();
	virtual_mac(target->address.bytes, address_is_v4(&target->address), mac);
	return json_string(mac_format(mac, text));
}

/* Is this node preferred for @target? null: no node is. */
static json_t *preferred_of(const struct target *target)
{
	return target && target->terms.group.id ? json_boolean(target->terms.group.member)
						: json_null();
}

/* What a part needs. */
struct showing {
	struct agent *agent;
	struct policy_index *policies;
	struct slice_index slices;
	struct why no_part;
	bool knows_holders;
};

static json_t *begin_service(const struct service *service, void *userdata)
{
	const struct showing *showing = userdata;
	const struct agent *agent = showing->agent;
	const char *as_cluster =
		locality_as_cluster(locality_of(&showing->slices, service, true))
			?: locality_as_cluster(locality_of(&showing->slices, service, false));
	json_t *names = json_array();
	struct why why;

	policy_index_of_service(showing->policies, service, add_policy, names);
	agent_why_no_address(agent, service, &why);
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:s, s:o}", "namespace",
			 service->namespace, "service", service->name, "node", agent->config.node,
			 "bpffs", agent->config.bpffs, "policies", names, "reason",
			 text_or_null(why.reason ? reason_name(why.reason) : ""), "why",
			 text_or_null(why.text.text), "external_traffic_policy",
			 service->local ? "Local" : "Cluster", "as_cluster",
			 text_or_null(as_cluster ?: ""));
}

static void show_address(const struct address *address, const struct lease_info *info,
			 const char *field, FILE *out, void *userdata)
{
	const struct showing *showing = userdata;
	struct agent *agent = showing->agent;
	const struct target *target = desired_find(&agent->desired, address);
	bool claimed = !info->absent && !info->unknown && (showing->knows_holders || info->held);
	char ip[INET6_ADDRSTRLEN], lease[LEASE_NAME_SIZE];
	json_t *interfaces = json_array();
	_cleanup_json_ json_t *row = NULL;
	struct why why;

	for (size_t on = 0; target && on < target->count; on++) {
		const struct links_row *link =
			links_find(links_table(agent->links), target->on[on].ifindex);

		if (link)
			json_array_append_new(interfaces, text_json(link->link.name));
	}
	agent_why_of(agent, showing->policies, &showing->no_part, address, info, &why);
	row = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:I}", "ip",
			address_format(address, ip), "field", field, "lease",
			lease_name_format(address, lease), "reason",
			text_or_null(why.reason ? reason_name(why.reason) : ""), "why",
			text_or_null(why.text.text), "interfaces", interfaces, "claim",
			claimed ? claim_json(address, info, &why) : json_null(), "virtual_mac",
			virtual_mac_of(target), "preferred", preferred_of(target), "answers",
			(json_int_t)agent_answers(agent, address));
	json_dumpf(row, out, 0);
}

bool agent_show_rows(struct agent *agent, struct rows *rows, FILE *out)
{
	static const struct rows_writer writer = { begin_service, show_address };
	const struct policy_input input = agent_policy_input(agent);
	struct showing showing = { .agent = agent, .knows_holders = agent_knows_holders(agent) };
	_cleanup_free_ struct rows_part *part = xcalloc(1, sizeof(*part));
	struct address_list addresses = {};
	bool more;

	rows_gather(rows, agent->thread, part);
	for (size_t i = 0; i < part->count; i++)
		address_list_add(&addresses, &part->addresses[i]);
	showing.policies = policy_index_at(&input, &addresses);
	/* of a part where no row begins, nobody asks */
	if (!rows->at || rows->count - rows->next > 1)
		slice_index_make(input.manifests, input.count, &showing.slices);
	agent_why_no_part(agent, &showing.no_part);
	more = rows_write(rows, part, &writer, out, &showing);
	slice_index_free(&showing.slices);
	policy_index_free(showing.policies);
	address_list_free(&addresses);
	return more;
}

struct agent_show {
	struct agent *agent;
	struct rows rows; /* one */
};

struct agent_show *agent_show_new(struct agent *agent, const char *name, struct err *err)
{
	const struct policy_input input = agent_policy_input(agent);
	const struct service *service = find_service(input.manifests, input.count, name);
	struct agent_show *show;

	if (!service) {
		err_write(err, "no Service '%.512s' is known; it takes NAMESPACE/NAME", name);
		return NULL;
	}
	show = xcalloc(1, sizeof(*show));
	show->agent = agent;
	rows_init(&show->rows, &service, 1);
	return show;
}

bool agent_show_next(void *data, FILE *out)
{
	struct agent_show *show = data;

	return agent_show_rows(show->agent, &show->rows, out);
}

void agent_show_free(void *data)
{
	struct agent_show *show = data;

	rows_free(&show->rows);
	free(show);
}
