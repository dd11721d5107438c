// SPDX-License-Identifier: GPL-2.0-or-later
/* Numbers: of addresses by reason, and of answers by address. */
#include <stdlib.h>

#include "agent_state.h"
#include "alloc.h"
#include "binary_search.h"
#include "cleanup.h"
#include "clock.h"
#include "loop.h"
#include "policy_force.h"

/* Counts @reason, and keeps the first address as its example. */
static void count(struct reason_survey *survey, enum reason reason, const struct address *address)
{
	if (!survey->counts[reason]++)
		survey->examples[reason].address = *address;
}

struct counting {
	const struct agent *agent;
	struct address *waiting; /* to be claimed, but not held */
	struct reason_survey *survey;
	enum reason no_part;
};

static void count_waiting(size_t at, const struct lease_info *info, void *data)
{
	const struct counting *counting = data;
	const struct address *address = &counting->waiting[at];

	count(counting->survey, agent_reason(counting->agent, address, info, counting->no_part),
	      address);
}

static void count_targets(struct agent *agent, struct reason_survey *survey)
{
	const struct desired *desired = &agent->desired;
	struct counting counting = { .agent = agent, .survey = survey };
	size_t waiting = 0;
	enum reason silent;
	struct why why;

	agent_why_no_part(agent, &why);
	counting.no_part = why.reason;
	counting.waiting = xcalloc(desired->count + 1, sizeof(*counting.waiting));
	for (size_t i = 0; i < desired->count; i++) {
		const struct target *target = &desired->list[i];

		if (target->reason)
			count(survey, target->reason, &target->address);
		else if (reconcile_holds_target(agent->reconcile, target, &silent))
			count(survey, silent, &target->address);
		else
			counting.waiting[waiting++] = target->address;
	}
	lease_thread_find(agent->thread, counting.waiting, waiting, count_waiting, &counting);
	free(counting.waiting);
}

/* Services that wait for an address. */
static void count_services(struct agent *agent, struct reason_survey *survey)
{
	const struct policy_input input = agent_policy_input(agent);
	size_t service_count;
	_cleanup_free_ const struct service **services =
		services_in_force(input.manifests, input.count, &service_count);

	for (size_t i = 0; i < service_count; i++) {
		const struct service *service = services[i];
		struct why why;

		if (!service->wants_load_balancer || service->load_balancer.count)
			continue;
		agent_why_no_address(agent, service, &why);
		if (!survey->counts[why.reason]++)
			err_write(&survey->examples[why.reason].text, "%s/%s: %s",
				  service->namespace, service->name, why.text.text);
	}
}

void agent_survey_reasons(struct agent *agent, struct reason_survey *ret_survey)
{
	const struct selection *selection = &agent->desired.selection;

	*ret_survey = (struct reason_survey){};
	count_targets(agent, ret_survey);
	for (size_t i = 0; i < selection->other_count; i++)
		count(ret_survey, selection->others[i].reason, &selection->others[i].address);
	count_services(agent, ret_survey);
}

static uint64_t answers_of(const struct agent *agent, const struct target *target)
{
	uint64_t answers = 0;

	for (size_t on = 0; on < target->count; on++)
		answers += program_answers_sent(agent->program, &target->address,
						target->on[on].ifindex);
	return answers;
}

uint64_t agent_answers(const struct agent *agent, const struct address *address)
{
	const struct target *target = desired_find(&agent->desired, address);

	return target ? answers_of(agent, target) : 0;
}

bool agent_answers_next(struct agent *agent, struct agent_answers *answers, agent_answers_fn *visit,
			void *data)
{
	const struct desired *desired = &agent->desired;
	/* zero, as @last is at first, is nobody's address */
	size_t i = SEARCH_FIRST(at, desired->count,
				address_compare(&desired->list[at].address, &answers->last) <= 0);
	enum reason ignored;
	uint64_t begun_ns;

	program_follow(agent->program);
	begun_ns = clock_boot_ns();
	for (; i < desired->count && loop_may_go_on(begun_ns); i++) {
		const struct target *target = &desired->list[i];

		answers->last = target->address;
		if (!reconcile_holds_target(agent->reconcile, target, &ignored))
			continue;
		if (answers->room) {
			answers->room--;
			visit(&target->address, target->service, answers_of(agent, target), data);
		} else {
			answers->left_out++;
		}
	}
	return i < desired->count;
}
