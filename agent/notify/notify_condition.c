// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "cleanup.h"
#include "notify_condition.h"
#include "text.h"

/* No addresses are appended to a message longer than this. */
#define LONG_TEXT 4000

static struct policy_index *index_for(const struct notify_check *check, const char *node)
{
	struct policy_input input = check->view->input;

	input.node = node;
	return policy_index_of(&input, check->services, check->count);
}

void notify_check_end(struct notify_check *check)
{
	policy_index_free(check->anywhere);
	policy_index_free(check->here);
}

void notify_why_here(struct notify_check *check, const struct address *address,
		     const struct lease_info *info, struct why *ret_why)
{
	if (!check->here)
		check->here = index_for(check, check->view->node);
	check->view->why(check->here, address, info, ret_why, check->view->userdata);
}

/* Why no policy lets any node announce @address for @service, whoever else has it. */
static void why_nowhere(struct notify_check *check, const struct service *service,
			const struct address *address, struct why *ret_why)
{
	if (!check->anywhere)
		check->anywhere = index_for(check, NULL);
	policy_index_why(check->anywhere, address, service, ret_why);
}

void notify_why_unannounced(struct notify_check *check, const struct service *service,
			    const struct address *address, bool load_balancer,
			    const struct lease_info *info, struct notify_unannounced *ret_nobody)
{
	const struct notify_view *view = check->view;
	struct why here;

	*ret_nobody = (struct notify_unannounced){ .known = true, .grace_ns = NOTIFY_SILENCE_NS };
	why_nowhere(check, service, address, &ret_nobody->why);
	if (ret_nobody->why.reason) {
		ret_nobody->intended = !load_balancer;
		return;
	}
	ret_nobody->grace_ns += view->duration_ns;
	ret_nobody->known = view->shared && view->knows;
	notify_why_here(check, address, info, &here);
	/* the address became desired after the last evaluation */
	if (!here.reason)
		why_set(&here, REASON_NOT_CLAIMED);
	ret_nobody->why.reason = here.reason;
	err_write(&ret_nobody->why.text, ret_nobody->known ? "no node claims it; %s: %s" : "%s: %s",
		  view->node, here.text.text);
}

enum holder {
	HOLDER_NONE,
	HOLDER_HERE,
	HOLDER_ELSEWHERE,
};

/* What was found out about the addresses of a Service. */
struct findings {
	char *announced, *missing; /* text */
	size_t announced_count, missing_count, unknown_count;
	enum reason missing_reason, unknown_reason; /* of the first such address */
	enum holder holder;			    /* of the first held address */
	bool undecided;				    /* a holder will be known soon */
	uint64_t grace_ns;
};

/* Appends to *@text, unless it is long already. Escapes bytes that a JSON string can't have, since
 * an interface's name may have any bytes. */
__attribute__((format(printf, 2, 3))) static void append(char **text, const char *format, ...)
{
	_cleanup_free_ char *more = NULL, *plain = NULL;
	char *whole;
	size_t size;
	va_list args;

	if (*text && strlen(*text) > LONG_TEXT)
		return;
	va_start(args, format);
	if (vasprintf(&more, format, args) < 0)
		alloc_fail();
	va_end(args);
	size = TEXT_ESCAPED_SIZE(strlen(more));
	plain = xmalloc(size);
	text_escape(plain, size, more);
	whole = xasprintf("%s%s%s", *text ?: "", *text ? "; " : "", plain);
	free(*text);
	*text = whole;
}

static void add_announced(struct findings *findings, const char *ip, const char *node,
			  const char *interfaces)
{
	findings->announced_count++;
	append(&findings->announced, "%s" ANNOUNCED_BY "%s%s%s", ip, node,
	       *interfaces ? " on " : "", interfaces);
}

static void add_missing(struct findings *findings, const char *ip, const struct why *why,
			bool known, uint64_t grace_ns)
{
	if (known && !findings->missing_count++)
		findings->missing_reason = why->reason;
	if (!known && !findings->unknown_count++)
		findings->unknown_reason = why->reason;
	if (grace_ns > findings->grace_ns)
		findings->grace_ns = grace_ns;
	append(&findings->missing, "%s: %s", ip, why->text.text);
}

/* The names of the interfaces on which this node announces @address. */
static void name_interfaces(const struct notify_view *view, const struct address *address,
			    struct err *ret_names)
{
	size_t count;
	const struct lease_place *places = reconcile_places(view->reconcile, address, &count);

	ret_names->text[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		const struct links_row *row = links_find(view->links, places[i].ifindex);

		if (row)
			err_add(ret_names, "%s%s", *ret_names->text ? ", " : "", row->link.name);
	}
}

static void add_held(struct notify_check *check, const struct address *address, const char *ip,
		     const struct lease_info *info, struct findings *findings)
{
	const struct notify_view *view = check->view;
	struct err interfaces;
	struct why why;

	notify_why_here(check, address, info, &why);
	if (why.reason) {
		add_missing(findings, ip, &why, true, NOTIFY_SILENCE_NS);
		return;
	}
	name_interfaces(view, address, &interfaces);
	add_announced(findings, ip, view->node, interfaces.text);
}

static void add_address(struct notify_check *check, const struct service *service,
			const struct address *address, bool load_balancer,
			const struct lease_info *info, struct findings *findings)
{
	struct notify_unannounced unannounced;
	char ip[INET6_ADDRSTRLEN];
	struct why nowhere;
	bool selected = info->held || *info->holder || info->unknown, held, held_elsewhere;

	/* it may be held for another Service: that is none of this one's business */
	if (selected)
		why_nowhere(check, service, address, &nowhere);
	selected = selected && !nowhere.reason;
	held = selected && info->held;
	held_elsewhere = selected && !held && *info->holder && info->holder_alive;
	address_format(address, ip);
	if (!findings->holder)
		findings->holder = held		    ? HOLDER_HERE
				   : held_elsewhere ? HOLDER_ELSEWHERE
						    : HOLDER_NONE;
	if (held) {
		add_held(check, address, ip, info, findings);
	} else if (held_elsewhere && check->view->knows) {
		add_announced(findings, ip, info->holder, "");
	} else if (selected && info->unknown && check->view->knows) {
		findings->undecided = true;
	} else {
		notify_why_unannounced(check, service, address, load_balancer, info, &unannounced);
		if (!unannounced.intended)
			add_missing(findings, ip, &unannounced.why, unannounced.known,
				    unannounced.grace_ns);
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

bool notify_lacks_address(const struct notify_check *check, const struct service *service,
			  struct why *ret_why)
{
	/* another program may assign it an address */
	if (!check->assigns || !service_is_of(service, &check->view->class) ||
	    !service->wants_load_balancer || service->load_balancer.count)
		return false;
	source_why_no_more(check->view->source, service, ret_why);
	return true;
}

/* Writes the condition of a Service without an address that should be announced. */
static void report_no_address(struct notify_check *check, const struct service *service,
			      struct announced announced)
{
	struct why why;
	char word[64];

	announced.grace_ns = NOTIFY_SILENCE_NS;
	if (notify_lacks_address(check, service, &why)) {
		announced.state = "False";
		announced.reason = reason_word(why.reason, word);
		announced.message = why.text.text;
	}
	source_say_announced(check->view->source, &announced);
}

static void report_findings(struct notify_check *check, const struct findings *findings,
			    struct announced announced)
{
	bool missing = findings->missing_count || findings->unknown_count;
	char *text = NULL, word[64];

	announced.grace_ns = findings->grace_ns;
	if (!findings->announced_count) {
		announced.state = findings->unknown_count ? "Unknown" : "False";
		announced.reason =
			reason_word(findings->unknown_reason ?: findings->missing_reason, word);
		announced.message = findings->missing;
	} else {
		announced.state = "True";
		announced.reason = missing ? "PartlyAnnounced" : "Announced";
		if (missing)
			text = xasprintf("%s; not announced: %s", findings->announced,
					 findings->missing);
		announced.message = text ?: findings->announced;
	}
	source_say_announced(check->view->source, &announced);
	free(text);
}

void notify_condition_write(struct notify_check *check, const struct service *service,
			    const struct lease_info *infos)
{
	struct announced announced = { .service = service, .leads = check->leads };
	struct findings findings = {};
	size_t balanced = service->load_balancer.count;

	for (size_t i = 0;
	     i < balanced + service->external.count && service_is_of(service, &check->view->class);
	     i++)
		add_address(check, service,
			    i < balanced ? &service->load_balancer.list[i]
					 : &service->external.list[i - balanced],
			    i < balanced, &infos[i], &findings);
	/* The holder of the first held address writes the condition. If none is held, the leader
	 * does. */
	if (findings.holder == HOLDER_ELSEWHERE || findings.undecided)
		;
	else if (findings.announced_count || findings.missing_count || findings.unknown_count) {
		if (findings.holder == HOLDER_HERE || check->leads || findings.unknown_count)
			report_findings(check, &findings, announced);
	} else if (check->leads) {
		report_no_address(check, service, announced);
	}
	free(findings.announced);
	free(findings.missing);
}
