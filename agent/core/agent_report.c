// SPDX-License-Identifier: GPL-2.0-or-later
/* The agent's state for commands, health checks and metrics. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent_state.h"
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

/* Addresses of a Service that are being shown. */
struct showing {
	struct agent *agent;
	const struct policy_index *policies;
	const struct address *addresses;
	const char *field;
	struct why no_part;
	bool knows_holders;
	json_t *list;
};

/* Adds what this node knows about an address. */
static void show_address(size_t at, const struct lease_info *info, void *data)
{
	const struct showing *showing = data;
	const struct address *address = &showing->addresses[at];
	struct agent *agent = showing->agent;
	const struct target *target = desired_find(&agent->desired, address);
	bool claimed = !info->absent && !info->unknown && (showing->knows_holders || info->held);
	char ip[INET6_ADDRSTRLEN], lease[LEASE_NAME_SIZE];
	json_t *interfaces = json_array();
	struct why why;

	for (size_t on = 0; target && on < target->count; on++) {
		const struct links_row *row =
			links_find(links_table(agent->links), target->on[on].ifindex);

		if (row)
			json_array_append_new(interfaces, text_json(row->link.name));
	}
	agent_why_of(agent, showing->policies, &showing->no_part, address, info, &why);
	json_array_append_new(
		showing->list,
		json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:I}", "ip",
			  address_format(address, ip), "field", showing->field, "lease",
			  lease_name_format(address, lease), "reason",
			  text_or_null(why.reason ? reason_name(why.reason) : ""), "why",
			  text_or_null(why.text.text), "interfaces", interfaces, "claim",
			  claimed ? claim_json(address, info, &why) : json_null(), "virtual_mac",
			  virtual_mac_of(target), "preferred", preferred_of(target), "answers",
			  (json_int_t)agent_answers(agent, address)));
}

static void show_addresses(struct showing *showing, const struct address_list *addresses,
			   const char *field)
{
	showing->addresses = addresses->list;
	showing->field = field;
	lease_thread_find(showing->agent->thread, addresses->list, addresses->count, show_address,
			  showing);
}

json_t *agent_show(struct agent *agent, const char *name, struct err *err)
{
	const struct policy_input input = agent_policy_input(agent);
	const struct service *service = find_service(input.manifests, input.count, name);
	struct address_list addresses = {};
	struct policy_index *policies;
	struct slice_index slices;
	json_t *shown;

	if (!service) {
		err_write(err, "no Service '%.512s' is known; it takes NAMESPACE/NAME", name);
		return NULL;
	}
	service_add_addresses(service, &addresses);
	policies = policy_index_at(&input, &addresses);
	address_list_free(&addresses);
	slice_index_make(input.manifests, input.count, &slices);
	shown = agent_show_service(agent, policies, &slices, service);
	slice_index_free(&slices);
	policy_index_free(policies);
	return shown;
}

json_t *agent_show_service(struct agent *agent, const struct policy_index *policies,
			   const struct slice_index *slices, const struct service *service)
{
	json_t *names = json_array();
	struct showing showing = { .agent = agent,
				   .policies = policies,
				   .knows_holders = agent_knows_holders(agent),
				   .list = json_array() };
	const char *as_cluster = locality_as_cluster(locality_of(slices, service));
	struct why why;

	policy_index_of_service(policies, service, add_policy, names);
	agent_why_no_part(agent, &showing.no_part);
	show_addresses(&showing, &service->external, "externalIPs");
	show_addresses(&showing, &service->load_balancer, "loadBalancer");
	agent_why_no_address(agent, service, &why);
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:s, s:o}", "namespace",
			 service->namespace, "service", service->name, "node", agent->config.node,
			 "bpffs", agent->config.bpffs, "policies", names, "reason",
			 text_or_null(why.reason ? reason_name(why.reason) : ""), "why",
			 text_or_null(why.text.text), "addresses", showing.list,
			 "external_traffic_policy", service->local ? "Local" : "Cluster",
			 "as_cluster", text_or_null(as_cluster ?: ""));
}

void agent_notify_service_manager(struct agent *agent, bool late)
{
	struct attachment_status attachments;
	char status[sizeof(agent->sent_status)];
	struct lease_entries entries;
	struct lease_status lease;

	agent->status_due = false;
	attachments_status(agent->attachments, &attachments);
	lease_thread_status(agent->thread, &lease, &entries);
	if (!agent->ready_sent &&
	    ((agent->evaluated && agent->session_known && !attachments.pending &&
	      reconcile_pass_done(agent->reconcile)) ||
	     late)) {
		agent->ready_sent = true;
		systemd_ready(agent->systemd);
	}
	snprintf(status, sizeof(status), "STATUS=%s, %zu of %zu addresses held, %zu entries",
		 lease_state_names[lease.state], lease.held, lease.wanted, entries.present);
	if (strcmp(status, agent->sent_status) != 0 && systemd_send(agent->systemd, status))
		memcpy(agent->sent_status, status, sizeof(status));
}

/* The first address that isn't claimed because of a reason of @level. */
static bool first_of_level(struct agent *agent, enum reason_level level, struct err *ret_why)
{
	char ip[INET6_ADDRSTRLEN];
	struct address address;
	struct why why;

	for (enum reason reason = 1; reason < REASON_COUNT; reason++) {
		if (reason_level(reason) != level ||
		    !desired_first(&agent->desired, reason, &address))
			continue;
		agent_why_unwanted(agent, NULL, &address, &why);
		err_write(ret_why, "%s: %s", address_format(&address, ip), why.text.text);
		return true;
	}
	return false;
}

/* Does an address wait for another node's leases, which last longer than ours? */
static bool waits_for_longer_leases(struct agent *agent, struct err *ret_why)
{
	char ip[INET6_ADDRSTRLEN];
	struct address address;
	struct why why;

	if (!agent_why_waits(agent, &address, &why))
		return false;
	err_write(ret_why, "%s: %s", address_format(&address, ip), why.text.text);
	return true;
}

bool agent_ready(struct agent *agent, struct err *ret_why)
{
	struct attachment_status attachments;
	struct source_status source;
	struct why why;

	source_status(agent->source, &source);
	attachments_status(agent->attachments, &attachments);
	agent_why_no_part(agent, &why);
	*ret_why = why.text;
	if (why.reason)
		return false;
	if (*agent->failure.text)
		*ret_why = agent->failure;
	else if (first_of_level(agent, REASON_FAULT, ret_why) ||
		 waits_for_longer_leases(agent, ret_why))
		return false;
	else if (no_room_why(agent->no_room))
		*ret_why = *no_room_why(agent->no_room);
	else if (*source.trouble.text)
		*ret_why = source.trouble;
	else
		*ret_why = attachments.error;
	if (*ret_why->text)
		return false;
	if (!first_of_level(agent, REASON_NOTE, ret_why))
		*ret_why = source.note;
	return true;
}

const struct listen_options *agent_listen(const struct agent *agent)
{
	return &agent->config.listen;
}

void agent_figures(const struct agent *agent, struct agent_figures *ret_figures)
{
	const struct reconcile_figures *reconcile = reconcile_figures(agent->reconcile);
	struct attachment_status attachments;
	struct agent_figures figures = {
		.reconciles = reconcile->compared,
		.reconcile_ns = reconcile->last_ns,
		.reconcile_worst_ns = reconcile->worst_ns,
		.reconcile_failures = agent->compare_failures,
		.announced = announcer_sent(agent->announcer),
		.conflicts = defender_count(agent->defender),
		.defended = agent->defended,
		.yielded = agent->yielded,
		.selected = agent->desired.count,
		.probes_sent = inquiry_probes_sent(agent->inquiry),
		.draining = agent->draining,
		.main_times = agent->times,
		.lease_times = lease_thread_times(agent->thread),
	};

	lease_thread_status(agent->thread, &figures.lease, &figures.entries);
	source_status(agent->source, &figures.source);
	attachments_status(agent->attachments, &attachments);
	figures.store_reachable = !*figures.lease.trouble;
	figures.interfaces = attachments.count;
	figures.attach_failures = attachments.failed;
	*ret_figures = figures;
}

int agent_counts(struct agent *agent, struct outcome_counts *ret_counts, struct err *err)
{
	return program_counts(agent->program, ret_counts, err);
}
