// SPDX-License-Identifier: GPL-2.0-or-later
/* What the agent says of itself: to commands, health checks and metrics. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent_state.h"
#include "lease_name.h"
#include "policy.h"
#include "text.h"

static json_t *text_or_null(const char *text)
{
	return *text ? text_json(text) : json_null();
}

/* Why this node isn't a candidate for @address; false: it is one. */
static bool why_not(struct agent *agent, const struct address *address, struct err *ret_why)
{
	const struct target *target = desired_find(&agent->desired, address);
	const char *forbids =
		target ? policy_forbids(&agent->desired.selection, target->locality) : NULL;
	char ip[INET6_ADDRSTRLEN], mac[MAC_TEXT_SIZE];

	address_format(address, ip);
	if (forbids) {
		err_write(ret_why, "%s: %s %s", ip, agent->config.node, forbids);
		return true;
	}
	if (target && desired_why_not(target, links_table(agent->links), &agent->kernel,
				      attachments_ready, agent->attachments, ret_why))
		return true;
	if (!target)
		err_write(ret_why, "%s: no policy of this node selects it", ip);
	else if (target->asked == ASKED_TAKEN)
		err_write(ret_why, "%s: no node claims it, since %s has it", ip,
			  mac_format(target->other, mac));
	else if (target->asked != ASKED_FREE)
		err_write(ret_why, "%s: it isn't known yet whether another host has it", ip);
	return !target || target->asked != ASKED_FREE;
}

json_t *agent_who_holds(struct agent *agent, const struct address *address, struct err *err)
{
	char ip[INET6_ADDRSTRLEN];
	struct lease_info info;

	address_format(address, ip);
	if (lease_thread_info(agent->thread, address, &info) < 0) {
		if (!why_not(agent, address, err))
			err_write(err, "%s: no claim is known yet", ip);
		return NULL;
	}
	return json_pack("{s:s, s:o, s:b, s:b, s:o, s:I, s:I}", "ip", ip, "holder",
			 text_or_null(info.holder), "held", info.held, "alive", info.holder_alive,
			 "wish", text_or_null(info.wish), "remaining_ms",
			 (json_int_t)(info.remaining_ns / 1000000), "transitions",
			 (json_int_t)info.transitions);
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

/* @addresses of a Service, each with what is known here of it. */
static void show_addresses(struct agent *agent, const struct address_list *addresses,
			   const char *field, json_t *list)
{
	for (size_t i = 0; i < addresses->count; i++) {
		const struct address *address = &addresses->list[i];
		const struct target *target = desired_find(&agent->desired, address);
		char ip[INET6_ADDRSTRLEN], lease[LEASE_NAME_SIZE];
		json_t *interfaces = json_array(), *held, *reason;
		struct err unknown, why;

		for (size_t on = 0; target && on < target->count; on++) {
			const struct link_row *row =
				link_table_find(links_table(agent->links), target->on[on].ifindex);

			if (row)
				json_array_append_new(interfaces, text_json(row->link.name));
		}
		held = agent_who_holds(agent, address, &unknown);
		reason = why_not(agent, address, &why) ? text_json(why.text) : json_null();
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:b, s:o, s:o, s:o}", "ip",
						      address_format(address, ip), "field", field,
						      "lease", lease_name_format(address, lease),
						      "blocked", target && target->blocked,
						      "reason", reason, "interfaces", interfaces,
						      "claim", held ?: json_null()));
	}
}

static enum locality show_locality(const struct manifest *const *manifests, size_t count,
				   const struct service *service)
{
	struct slice_index slices;
	enum locality locality;

	slice_index_make(manifests, count, &slices);
	locality = locality_of(&slices, service);
	slice_index_free(&slices);
	return locality;
}

json_t *agent_show(struct agent *agent, const char *name, struct err *err)
{
	size_t count;
	const struct manifest *const *manifests = source_manifests(agent->source, &count);
	const struct service *service = find_service(manifests, count, name);
	json_t *policies, *addresses;
	enum locality locality;
	struct err why;

	if (!service) {
		err_write(err, "no Service '%.512s' is known; it takes NAMESPACE/NAME", name);
		return NULL;
	}
	policies = json_array();
	addresses = json_array();
	if (policy_of_service(manifests, count, agent->config.node,
			      agent->config.load_balancer_class, service, add_policy, policies,
			      err) < 0) {
		json_decref(policies);
		json_decref(addresses);
		return NULL;
	}
	show_addresses(agent, &service->external, "externalIPs", addresses);
	show_addresses(agent, &service->load_balancer, "loadBalancer", addresses);
	source_why_no_more(agent->source, service, &why);
	locality = show_locality(manifests, count, service);
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:s, s:o}", "namespace",
			 service->namespace, "service", service->name, "node", agent->config.node,
			 "bpffs", agent->config.bpffs, "policies", policies, "reason",
			 text_or_null(why.text), "addresses", addresses, "external_traffic_policy",
			 service->local ? "Local" : "Cluster", "as_cluster",
			 text_or_null(locality_as_cluster(locality) ?: ""));
}

void agent_tell_service_manager(struct agent *agent, bool late)
{
	struct attachment_status attachments;
	char status[sizeof(agent->told_status)];
	struct lease_entries entries;
	struct lease_status lease;

	agent->status_due = false;
	attachments_status(agent->attachments, &attachments);
	lease_thread_status(agent->thread, &lease, &entries);
	if (!agent->told_ready && ((agent->evaluated && agent->session_known &&
				    !attachments.pending && reconcile_is_told(agent->reconcile)) ||
				   late)) {
		agent->told_ready = true;
		notify_ready(agent->notify);
	}
	snprintf(status, sizeof(status), "STATUS=%s, %zu of %zu addresses held, %zu entries",
		 lease_state_names[lease.state], lease.held, lease.wanted, entries.present);
	if (strcmp(status, agent->told_status) != 0 && notify_send(agent->notify, status))
		memcpy(agent->told_status, status, sizeof(status));
}

bool agent_ready(const struct agent *agent, struct err *ret_why)
{
	struct attachment_status attachments;
	struct lease_entries entries;
	struct source_status source;
	struct lease_status lease;

	source_status(agent->source, &source);
	attachments_status(agent->attachments, &attachments);
	lease_thread_status(agent->thread, &lease, &entries);
	if (!agent->session_known || lease.state == LEASE_CONNECTING)
		err_write(ret_why, "no session with the lease store");
	else if (lease.state == LEASE_NAME_TAKEN)
		err_write(ret_why, "another agent runs under this node's name");
	else if (*agent->failure.text)
		*ret_why = agent->failure;
	else if (*agent->no_room.text)
		*ret_why = agent->no_room;
	else if (agent->desired.blocked)
		*ret_why = agent->desired.why_blocked;
	else if (agent->desired.taken)
		*ret_why = agent->desired.why_taken;
	else if (*source.trouble.text)
		*ret_why = source.trouble;
	else
		*ret_why = attachments.error;
	if (!*ret_why->text && agent->desired.cut_off)
		*ret_why = agent->desired.why_cut_off;
	if (*ret_why->text)
		return false;
	/* no fault: of several nodes some are meant to announce nothing */
	if (agent->desired.selection.exclusion && agent->desired.count)
		err_write(ret_why, "ok; %s announces nothing, since it %s", agent->config.node,
			  node_exclusion_text(agent->desired.selection.exclusion));
	return true;
}

const char *agent_listen(const struct agent *agent, uint16_t *ret_port)
{
	*ret_port = agent->config.listen_port;
	return agent->config.listen_host;
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
		.blocked = agent->desired.blocked,
		.cut_off = agent->desired.cut_off,
		.taken = agent->desired.taken,
		.asked = inquiry_sent(agent->inquiry),
		.draining = agent->draining,
		.main_times = agent->times,
		.lease_times = lease_thread_times(agent->thread),
	};

	lease_thread_status(agent->thread, &figures.lease, &figures.entries);
	source_status(agent->source, &figures.source);
	attachments_status(agent->attachments, &attachments);
	figures.interfaces = attachments.count;
	figures.attach_failures = attachments.failed;
	*ret_figures = figures;
}

int agent_counts(struct agent *agent, struct outcome_counts *ret_counts, struct err *err)
{
	return program_counts(agent->program, ret_counts, err);
}
