// SPDX-License-Identifier: GPL-2.0-or-later
/* The agent's state for commands, health checks and metrics. */
#include <stdio.h>
#include <string.h>

#include "agent_state.h"

void agent_notify_service_manager(struct agent *agent, bool late)
{
	struct attachment_status attachments;
	char status[sizeof(agent->sent_status)];
	struct lease_entries entries;
	struct lease_status lease;

	agent->status_due = false;
	attachments_status(agent->attachments, &attachments);
	lease_thread_status(agent->thread, &lease, &entries);
	if (!systemd_is_ready(agent->systemd) &&
	    ((agent->evaluated && source_known(agent->source) && agent->session_known &&
	      !attachments.pending && reconcile_pass_done(agent->reconcile)) ||
	     late))
		systemd_ready(agent->systemd);
	snprintf(status, sizeof(status), "STATUS=%s, addresses: %zu wanted, %zu held, %zu entries",
		 lease_state_names[lease.state], lease.wanted, lease.held, entries.present);
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
		.yielded = inquiry_yields(agent->inquiry),
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
