// SPDX-License-Identifier: GPL-2.0-or-later
/* Determines the desired addresses from manifests and interfaces. */
#include <string.h>

#include "agent_state.h"
#include "clock.h"
#include "loop.h"
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

/* Logs which reasons have appeared and disappeared since @before. */
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
		struct log_limit *limit = &agent->notices[reason];

		if (!reason_logged(reason) || !former[reason] == !counts[reason])
			continue;
		if (!desired_first(now, reason, &address)) {
			log_alternating(limit, LOG_NOTICE, "no longer the case: %s",
					reason_sentence(reason));
			continue;
		}
		agent_why_unwanted(agent, NULL, &address, &why);
		log_alternating(limit, reason_level(reason) == REASON_FAULT ? LOG_ERR : LOG_WARNING,
				"%s: not announced: %s%s", address_format(&address, ip),
				why.text.text, counts[reason] > 1 ? " (and more addresses)" : "");
	}
}

/* Lets reconcile remove leases and entries once this node's leases, the manifests and the
 * interfaces with the program are known and evaluated. Until then all stays as a previous process
 * left it. */
void agent_check_ready_to_reconcile(struct agent *agent)
{
	if (agent->evaluated && agent->session_known && attachments_scanned(agent->attachments) &&
	    source_known(agent->source))
		reconcile_known(agent->reconcile);
}

/* Selects addresses and their interfaces, and attaches our program there. -EAGAIN: another process
 * holds the writers' lock, so it isn't known yet which interfaces have the program. */
static int select_all(struct agent *agent, bool look, struct selection *ret_selection)
{
	struct policy_input input = agent_policy_input(agent);
	int r;

	*ret_selection = policy_select(&input);
	/* An excluded node needs no program. One without local endpoints does: it may get some.
	 */
	attachments_select(agent->attachments,
			   ret_selection->exclusion ? &(struct selection){} : ret_selection,
			   source_known(agent->source), look);
	if (attachments_scanned(agent->attachments))
		return 0;
	r = attachments_check_now(agent->attachments, &agent->config.attach);
	if (!r && source_known(agent->source))
		attachments_scan_done(agent->attachments);
	return r;
}

/* If the kernel can't be read, the next periodic check repeats this. If the interfaces that have
 * the program aren't known yet, it is repeated after RETRY_USEC. */
void agent_evaluate(struct agent *agent, bool look)
{
	struct desired before = agent->desired;
	struct desired_view view;
	uint64_t begun_ns = clock_boot_ns();
	struct selection selection = {};
	struct kernel_view kernel;
	bool partial;
	struct err err;

	agent->evaluated = false;
	if (kernel_view_read(&kernel, &err) < 0) {
		log_say(LOG_ERR, "%s", err.text);
		return;
	}
	kernel_view_free(&agent->kernel);
	agent->kernel = kernel;
	/* before select_all(): once the nodes' addresses are reserved, pools may assign addresses,
	 * which changes the manifests */
	agent_update_group(agent);
	if (select_all(agent, look, &selection) < 0) {
		selection_free(&selection);
		loop_timer_after(agent->work, RETRY_USEC);
		return;
	}
	if (selection.count && !source_nodes(agent->source, true)) {
		/* wait for the Node objects; source_callbacks.changed() evaluates again */
		selection_free(&selection);
		return;
	}
	partial = selection.partial;
	agent->evaluated = !partial;
	view = agent_desired_view(agent);
	agent->desired = desired_make(&selection, &view);
	inquiry_apply(agent->inquiry, &before, &agent->desired, agent->config.probe);
	log_reasons(agent, &before);
	reconcile_desired(agent->reconcile, &agent->desired);
	desired_free(&before);
	agent_check_ready_to_reconcile(agent);
	agent->evaluated_at_ns = clock_boot_ns();
	agent->evaluate_ns = agent->evaluated_at_ns - begun_ns;
	agent->status_due = true;
	if (partial)
		agent_evaluate_soon(agent);
}

/* How long the next evaluation has to wait. Evaluations use a fifth of the time at most, also with
 * 100,000 addresses while a hundred interfaces come and go or a flood of conflicts makes us give up
 * addresses. */
static uint64_t pause_ns(const struct agent *agent)
{
	uint64_t rest_ns = 4 * agent->evaluate_ns,
		 since_ns = clock_boot_ns() - agent->evaluated_at_ns;

	return since_ns < rest_ns ? rest_ns - since_ns : 0;
}

/* Evaluates now, unless the last evaluation was too recent. */
void agent_input_changed(void *userdata)
{
	struct agent *agent = userdata;

	if (pause_ns(agent))
		agent_evaluate_soon(agent);
	else
		agent_evaluate(agent, false);
}

void agent_link_moved(uint32_t ifindex, void *userdata)
{
	struct agent *agent = userdata;

	reconcile_refresh(agent->reconcile, ifindex);
}

void agent_evaluate_soon(void *userdata)
{
	struct agent *agent = userdata;

	agent->evaluated = false;
	loop_timer_after(agent->work, pause_ns(agent) / 1000);
}

/* Where the group's claims go. */
struct claims {
	const struct agent *agent;
	const struct address *addresses;
	enum group_claim *list;
};

static void note_info(size_t at, const struct lease_info *info, void *data)
{
	const struct claims *claims = data;
	enum group_claim *claim = &claims->list[at];

	/* not probed: the node that owns it would answer */
	if (agent_group_owns(claims->agent, &claims->addresses[at]))
		*claim = GROUP_FORMERLY;
	else if (info->unknown)
		*claim = GROUP_NOT_KNOWN;
	else if (*info->holder && info->holder_alive)
		*claim = GROUP_NOW;
	else
		*claim = info->lately ? GROUP_FORMERLY : GROUP_NEVER;
}

static void note_present(size_t at, int present, void *data)
{
	const struct claims *claims = data;

	claims->list[at] = present < 0 ? GROUP_NOT_KNOWN : present ? GROUP_FORMERLY : GROUP_NEVER;
}

/* From the store. Without a store, an entry of the agent's in the maps, which survives a restart,
 * means that this node held the address. */
void agent_group_claims(const struct address *addresses, size_t count, enum group_claim *ret_claims,
			void *userdata)
{
	struct agent *agent = userdata;
	struct claims claims = { agent, addresses, ret_claims };

	if (agent->config.engine == STORE_ENGINE_NONE)
		lease_thread_present(agent->thread, addresses, count, note_present, &claims);
	else if (agent->session_known)
		lease_thread_find(agent->thread, addresses, count, note_info, &claims);
	else
		for (size_t i = 0; i < count; i++)
			ret_claims[i] = GROUP_NOT_KNOWN;
}
