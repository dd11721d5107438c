// SPDX-License-Identifier: GPL-2.0-or-later
/* From manifests and interfaces to what is desired. */
#include <errno.h>
#include <string.h>

#include "agent_state.h"
#include "clock.h"
#include "policy.h"

#define RETRY_USEC 20000

struct policy_input agent_policy_input(const struct agent *agent)
{
	struct policy_input input = {
		.node = agent->config.node,
		.class = { agent->config.load_balancer_class, agent->config.class_required },
		.links = links_table(agent->links),
		.ignore_exclusion = agent->config.ignore_exclusion,
	};

	input.manifests = source_manifests(agent->source, &input.count);
	return input;
}

struct desired_view agent_desired_view(struct agent *agent)
{
	return (struct desired_view){
		.node = agent->config.node,
		.links = links_table(agent->links),
		.kernel = &agent->kernel,
		.others = agent->named,
		.no_room = agent->no_room,
		.ready = attachments_ready,
		.userdata = agent->attachments,
	};
}

void agent_plan(struct agent *agent, uint64_t usec)
{
	sd_event_source_set_time_relative(agent->work, usec);
	sd_event_source_set_enabled(agent->work, SD_EVENT_ONESHOT);
}

/* Logs which reasons came and went since @before. */
static void log_reasons(struct agent *agent, const struct desired *before)
{
	const struct desired *now = &agent->desired;
	size_t counts[REASON_COUNT], former[REASON_COUNT];
	struct address address;
	char ip[INET6_ADDRSTRLEN];
	struct why why;

	desired_count(before, former);
	desired_count(now, counts);
	for (enum reason reason = 1; reason < REASON_COUNT; reason++) {
		if (!reason_logged(reason) || !former[reason] == !counts[reason])
			continue;
		if (!desired_first(now, reason, &address)) {
			log_say(LOG_NOTICE, "no longer the case: %s", reason_sentence(reason));
			continue;
		}
		agent_why_unwanted(agent, NULL, &address, &why);
		log_say(reason_level(reason) == REASON_FAULT ? LOG_ERR : LOG_WARNING,
			"%s: not announced: %s%s", address_format(&address, ip), why.text.text,
			counts[reason] > 1 ? " (and others like it)" : "");
	}
}

/* Has the store said what we hold, and the source what we should, is it known where the program is,
 * and was all of that applied? Until then everything stays as a former process left it. */
void agent_look_whether_known(struct agent *agent)
{
	if (agent->evaluated && agent->session_known && attachments_are_found(agent->attachments) &&
	    source_known(agent->source))
		reconcile_known(agent->reconcile);
}

/* The interfaces that policies select for addresses, and our program on them. -EAGAIN: it isn't
 * known yet where it is, since another writer is at work. */
static int select_all(struct agent *agent, bool look, struct selection *ret_selection)
{
	struct policy_input input = agent_policy_input(agent);
	int r;

	*ret_selection = policy_select(&input);
	/* a node that may announce nothing needs no program; one that waits for an endpoint does */
	attachments_select(agent->attachments,
			   ret_selection->exclusion ? &(struct selection){} : ret_selection, look);
	if (attachments_are_found(agent->attachments))
		return 0;
	r = attachments_look_first(agent->attachments, &agent->config.attach);
	if (!r && source_known(agent->source))
		attachments_found(agent->attachments);
	return r;
}

/* Applies policies to manifests and interfaces, and passes on what follows. @look as in
 * attachments_select(). What fails is tried again with the period. */
void agent_evaluate(struct agent *agent, bool look)
{
	struct desired before = agent->desired;
	struct desired_view judge;
	uint64_t begun_ns = clock_boot_ns();
	struct selection selection = {};
	struct kernel_view view;
	bool partial;
	struct err err;

	agent->evaluated = false;
	if (kernel_view_read(&view, &err) < 0) {
		log_say(LOG_ERR, "%s", err.text);
		return;
	}
	kernel_view_free(&agent->kernel);
	agent->kernel = view;
	/* pools may give something after it */
	agent_tell_group(agent);
	if (select_all(agent, look, &selection) < 0) {
		selection_free(&selection);
		agent_plan(agent, RETRY_USEC);
		return;
	}
	if (selection.count && !source_nodes(agent->source, true)) {
		/* they come soon, and it is tried again then */
		selection_free(&selection);
		return;
	}
	partial = selection.partial;
	agent->evaluated = !partial;
	judge = agent_desired_view(agent);
	agent->desired = desired_make(&selection, &judge);
	inquiry_apply(agent->inquiry, &before, &agent->desired, agent->config.probe);
	log_reasons(agent, &before);
	reconcile_desired(agent->reconcile, &agent->desired);
	desired_free(&before);
	agent_look_whether_known(agent);
	agent->judged_at_ns = clock_boot_ns();
	agent->evaluate_ns = agent->judged_at_ns - begun_ns;
	agent->status_due = true;
	if (partial)
		agent_evaluate_soon(agent);
}

/* How long the next evaluation is to wait: where 100,000 addresses are to be judged and a hundred
 * interfaces come and go, or a flood makes addresses be given up, no more than a fifth of the time
 * goes into it. */
static uint64_t pause_ns(const struct agent *agent)
{
	uint64_t rest_ns = 4 * agent->evaluate_ns, since_ns = clock_boot_ns() - agent->judged_at_ns;

	return since_ns < rest_ns ? rest_ns - since_ns : 0;
}

/* Manifests or interfaces: at once, if it may be. */
void agent_input_changed(void *userdata)
{
	struct agent *agent = userdata;

	if (pause_ns(agent))
		agent_evaluate_soon(agent);
	else
		agent_evaluate(agent, false);
}

void agent_evaluate_soon(void *userdata)
{
	struct agent *agent = userdata;

	agent->evaluated = false;
	agent_plan(agent, pause_ns(agent) / 1000);
}

/* What the nodes of the group have to do with @address, as far as the store has told. Without a
 * store an entry of the agent's tells: it is there over a restart. */
enum group_claim agent_group_claim(const struct address *address, void *userdata)
{
	struct agent *agent = userdata;
	struct lease_info info;
	int r;

	if (agent->config.engine == LEASE_ENGINE_NONE) {
		r = lease_thread_present(agent->thread, address);
		return r < 0 ? GROUP_NOT_KNOWN : r ? GROUP_FORMERLY : GROUP_NEVER;
	}
	if (!agent->session_known)
		return GROUP_NOT_KNOWN;
	/* it would answer */
	if (agent_group_owns(agent, address))
		return GROUP_FORMERLY;
	r = lease_thread_info(agent->thread, address, &info);
	if (r < 0)
		return r == -EAGAIN ? GROUP_NOT_KNOWN : GROUP_NEVER;
	if (*info.holder && info.holder_alive)
		return GROUP_NOW;
	return info.lately ? GROUP_FORMERLY : GROUP_NEVER;
}
