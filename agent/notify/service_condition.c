// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "service_condition.h"

/* A message that is longer names no more addresses. */
#define LONG_TEXT 4000

static struct policy_index *index_for(const struct service_judge *judge, const char *node)
{
	struct policy_input input = judge->view->input;

	input.node = node;
	return policy_index_of(&input, judge->services, judge->count);
}

void service_judge_end(struct service_judge *judge)
{
	policy_index_free(judge->anywhere);
	policy_index_free(judge->here);
}

void service_why_here(struct service_judge *judge, const struct address *address,
		      const struct lease_info *info, struct why *ret_why)
{
	if (!judge->here)
		judge->here = index_for(judge, judge->view->node);
	judge->view->why(judge->here, address, info, ret_why, judge->view->userdata);
}

void service_nobody(struct service_judge *judge, const struct service *service,
		    const struct address *address, bool load_balancer,
		    const struct lease_info *info, struct nobody *ret_nobody)
{
	const struct service_view *view = judge->view;
	struct why here;

	*ret_nobody = (struct nobody){ .known = true, .grace_ns = SILENCE_NS };
	if (!judge->anywhere)
		judge->anywhere = index_for(judge, NULL);
	policy_index_why(judge->anywhere, address, service, &ret_nobody->why);
	if (ret_nobody->why.reason) {
		ret_nobody->meant = !load_balancer;
		return;
	}
	ret_nobody->grace_ns += view->duration_ns;
	ret_nobody->known = view->shared && view->knows;
	service_why_here(judge, address, info, &here);
	/* it is wanted by now, but was not when that was last decided */
	if (!here.reason)
		why_set(&here, REASON_NOT_CLAIMED);
	ret_nobody->why.reason = here.reason;
	err_write(&ret_nobody->why.text, ret_nobody->known ? "no node takes it; %s: %s" : "%s: %s",
		  view->node, here.text.text);
}

enum holder {
	HOLDER_NONE,
	HOLDER_HERE,
	HOLDER_ELSEWHERE,
};

/* The addresses of a Service, as they are judged one after the other. */
struct judged {
	char *announced, *missing; /* text */
	size_t announced_count, missing_count, unknown_count;
	enum reason missing_reason, unknown_reason; /* of the first */
	enum holder holder;			    /* of the first that is held */
	bool undecided;				    /* it will be known soon */
	uint64_t grace_ns;
};

/* Appends to *@text, unless that is long. */
__attribute__((format(printf, 2, 3))) static void append(char **text, const char *format, ...)
{
	char *more = NULL, *whole;
	va_list args;

	if (*text && strlen(*text) > LONG_TEXT)
		return;
	va_start(args, format);
	if (vasprintf(&more, format, args) < 0)
		alloc_fail();
	va_end(args);
	whole = xasprintf("%s%s%s", *text ?: "", *text ? "; " : "", more);
	free(more);
	free(*text);
	*text = whole;
}

static void add_announced(struct judged *judged, const char *ip, const char *node,
			  const char *interfaces)
{
	judged->announced_count++;
	append(&judged->announced, "%s" ANNOUNCED_BY "%s%s%s", ip, node, *interfaces ? " on " : "",
	       interfaces);
}

static void add_missing(struct judged *judged, const char *ip, const struct why *why, bool known,
			uint64_t grace_ns)
{
	if (known && !judged->missing_count++)
		judged->missing_reason = why->reason;
	if (!known && !judged->unknown_count++)
		judged->unknown_reason = why->reason;
	if (grace_ns > judged->grace_ns)
		judged->grace_ns = grace_ns;
	append(&judged->missing, "%s: %s", ip, why->text.text);
}

/* Where this node announces @address. */
static void name_interfaces(const struct service_view *view, const struct address *address,
			    struct err *ret_names)
{
	size_t count, used = 0;
	const struct lease_place *places = reconcile_places(view->reconcile, address, &count);

	err_write(ret_names, "%s", "");
	for (size_t i = 0; i < count; i++) {
		const struct link_row *row = link_table_find(view->links, places[i].ifindex);

		if (row)
			snprintf(ret_names->text + used, sizeof(ret_names->text) - used, "%s%s",
				 used ? ", " : "", row->link.name);
		used = strlen(ret_names->text);
	}
}

static void judge_held(struct service_judge *judge, const struct address *address, const char *ip,
		       const struct lease_info *info, struct judged *judged)
{
	const struct service_view *view = judge->view;
	struct err interfaces;
	struct why why;

	service_why_here(judge, address, info, &why);
	if (why.reason) {
		add_missing(judged, ip, &why, true, SILENCE_NS);
		return;
	}
	name_interfaces(view, address, &interfaces);
	add_announced(judged, ip, view->node, interfaces.text);
}

static void judge_address(struct service_judge *judge, const struct service *service,
			  const struct address *address, bool load_balancer,
			  const struct lease_info *info, struct judged *judged)
{
	bool held_elsewhere = !info->held && *info->holder && info->holder_alive;
	struct nobody nobody;
	char ip[INET6_ADDRSTRLEN];

	address_format(address, ip);
	if (!judged->holder)
		judged->holder = info->held	  ? HOLDER_HERE
				 : held_elsewhere ? HOLDER_ELSEWHERE
						  : HOLDER_NONE;
	if (info->held) {
		judge_held(judge, address, ip, info, judged);
	} else if (held_elsewhere && judge->view->knows) {
		add_announced(judged, ip, info->holder, "");
	} else if (info->unknown && judge->view->knows) {
		judged->undecided = true;
	} else {
		service_nobody(judge, service, address, load_balancer, info, &nobody);
		if (!nobody.meant)
			add_missing(judged, ip, &nobody.why, nobody.known, nobody.grace_ns);
	}
}

/* "no_pool" as "NoPool". */
static const char *reason_word(enum reason reason, char word[64])
{
	bool capital = true;
	size_t length = 0;

	for (const char *at = reason_name(reason); *at && length < 63; at++) {
		if (*at != '_')
			word[length++] = capital ? *at - 'a' + 'A' : *at;
		capital = *at == '_';
	}
	word[length] = '\0';
	return word;
}

bool service_lacks_address(const struct service_judge *judge, const struct service *service,
			   struct why *ret_why)
{
	/* another program may give it one */
	if (!judge->gives || !service_is_of(service, &judge->view->class) ||
	    !service->wants_load_balancer || service->load_balancer.count)
		return false;
	source_why_no_more(judge->view->source, service, ret_why);
	return true;
}

/* Of a Service that has no address, or none that is meant to be announced. */
static void say_no_address(struct service_judge *judge, const struct service *service,
			   struct announced *announced)
{
	struct why why;
	char word[64];

	announced->grace_ns = SILENCE_NS;
	if (service_lacks_address(judge, service, &why)) {
		announced->state = "False";
		announced->reason = reason_word(why.reason, word);
		announced->message = why.text.text;
	}
	source_say_announced(judge->view->source, announced);
}

static void say_judged(struct service_judge *judge, const struct judged *judged,
		       struct announced *announced)
{
	bool missing = judged->missing_count || judged->unknown_count;
	char *text = NULL, word[64];

	announced->grace_ns = judged->grace_ns;
	if (!judged->announced_count) {
		announced->state = judged->unknown_count ? "Unknown" : "False";
		announced->reason =
			reason_word(judged->unknown_reason ?: judged->missing_reason, word);
		announced->message = judged->missing;
	} else {
		announced->state = "True";
		announced->reason = missing ? "PartlyAnnounced" : "Announced";
		if (missing)
			text = xasprintf("%s; not announced: %s", judged->announced,
					 judged->missing);
		announced->message = text ?: judged->announced;
	}
	source_say_announced(judge->view->source, announced);
	free(text);
}

void service_condition_say(struct service_judge *judge, const struct service *service,
			   const struct lease_info *infos)
{
	struct announced announced = { .service = service, .leads = judge->leads };
	struct judged judged = {};
	size_t balanced = service->load_balancer.count;

	for (size_t i = 0;
	     i < balanced + service->external.count && service_is_of(service, &judge->view->class);
	     i++)
		judge_address(judge, service,
			      i < balanced ? &service->load_balancer.list[i]
					   : &service->external.list[i - balanced],
			      i < balanced, &infos[i], &judged);
	/* the holder of the first that is held says it; where there is none, the leader does */
	if (judged.holder == HOLDER_ELSEWHERE || judged.undecided)
		;
	else if (judged.announced_count || judged.missing_count || judged.unknown_count) {
		if (judged.holder == HOLDER_HERE || judge->leads || judged.unknown_count)
			say_judged(judge, &judged, &announced);
	} else if (judge->leads) {
		say_no_address(judge, service, &announced);
	}
	free(judged.announced);
	free(judged.missing);
}
