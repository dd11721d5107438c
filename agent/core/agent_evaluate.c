// SPDX-License-Identifier: GPL-2.0-or-later
/* From manifests and interfaces to what is desired. */
#include <errno.h>
#include <string.h>

#include "agent_state.h"
#include "clock.h"
#include "policy.h"

#define RETRY_USEC 20000

void agent_plan(struct agent *agent, uint64_t usec)
{
	sd_event_source_set_time_relative(agent->work, usec);
	sd_event_source_set_enabled(agent->work, SD_EVENT_ONESHOT);
}

static void log_blocked(const struct desired *before, const struct desired *now)
{
	if (now->blocked &&
	    (!before->blocked || strcmp(before->why_blocked.text, now->why_blocked.text) != 0))
		log_say(LOG_ERR, "%s%s", now->why_blocked.text,
			now->blocked > 1 ? " (and others like it)" : "");
	if (!now->blocked && before->blocked)
		log_say(LOG_NOTICE, "the kernel no longer answers in our place");
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
static int select_all(struct agent *agent, bool look, struct selection *ret_selection,
		      struct err *err)
{
	size_t count;
	const struct manifest *const *manifests = source_manifests(agent->source, &count);
	struct policy_node node;
	int r;

	config_policy_node(&agent->config, &node);
	r = policy_select(manifests, count, &node, links_table(agent->links), ret_selection, err);
	if (r < 0)
		return r;
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
	struct desired before = agent->desired, now = {};
	uint64_t begun_ns = clock_boot_ns();
	struct selection selection = {};
	struct kernel_view view = {};
	struct err err;
	int r = select_all(agent, look, &selection, &err);

	agent->evaluated = false;
	if (r == -EAGAIN) {
		selection_free(&selection);
		agent_plan(agent, RETRY_USEC);
		return;
	}
	if (!r)
		r = kernel_view_read(&view, &err);
	if (!r)
		r = desired_make(&selection, links_table(agent->links), &view, attachments_ready,
				 agent->attachments, &now, &err);
	selection_free(&selection);
	if (r < 0) {
		kernel_view_free(&view);
		log_say(LOG_ERR, "%s", err.text);
		return;
	}
	agent->evaluated = true;
	log_blocked(&before, &now);
	kernel_view_free(&agent->kernel);
	agent->kernel = view;
	agent->desired = now;
	inquiry_apply(agent->inquiry, &before, &agent->desired, agent->config.probe);
	reconcile_desired(agent->reconcile, &agent->desired);
	desired_free(&before);
	agent_look_whether_known(agent);
	agent->judged_at_ns = clock_boot_ns();
	agent->evaluate_ns = agent->judged_at_ns - begun_ns;
	agent->status_due = true;
}

/* Manifests or interfaces. At once; but where 100,000 addresses are to be judged and a hundred
 * interfaces come and go, no more than a fifth of the time goes into it. */
void agent_input_changed(void *userdata)
{
	struct agent *agent = userdata;
	uint64_t rest_ns = 4 * agent->evaluate_ns, since_ns = clock_boot_ns() - agent->judged_at_ns;

	if (since_ns >= rest_ns) {
		agent_evaluate(agent, false);
		return;
	}
	agent->evaluated = false;
	agent_plan(agent, (rest_ns - since_ns) / 1000);
}

void agent_evaluate_soon(void *userdata)
{
	struct agent *agent = userdata;

	agent->evaluated = false;
	agent_plan(agent, 0);
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
	r = lease_thread_info(agent->thread, address, &info);
	if (r < 0)
		return r == -EAGAIN ? GROUP_NOT_KNOWN : GROUP_NEVER;
	if (*info.holder && info.holder_alive)
		return GROUP_NOW;
	return info.lately ? GROUP_FORMERLY : GROUP_NEVER;
}
