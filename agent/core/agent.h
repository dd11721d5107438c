/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The agent: policies in, entries and announcements out, as far as the leases allow. */
#ifndef XDP_L2RESPD_AGENT_H
#define XDP_L2RESPD_AGENT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <jansson.h>
#include <systemd/sd-event.h>

#include "addr.h"
#include "config.h"
#include "err.h"
#include "helper.h"
#include "lease_thread.h"
#include "systemd.h"
#include "program.h"
#include "reason.h"
#include "source.h"

struct agent;

/* Parts that the caller provides. All are borrowed. */
struct agent_parts {
	sd_event *event;
	struct systemd *systemd;
	struct helper *helper;
	struct program *program;
	const struct loop_times *times; /* of the event loop */
	const char *path;		/* of agent.yaml */
};

/* Starts with @config, read from the parts' path. Takes ownership of @config, also on failure. The
 * agent then runs on the event loop. */
int agent_new(const struct agent_parts *parts, struct config *config, struct agent **ret_agent,
	      struct err *err);
/* Leaves entries and lease deadlines in the maps as they are. */
void agent_free(struct agent *agent);

/* SIGHUP: reads configuration and manifests again. If either has an error, the previous one stays
 * in force. -EINVAL with @err: the configuration is invalid. */
int agent_reload(struct agent *agent, struct err *err);

/* SIGTERM: releases all leases. The event loop ends when that is done, or after 3 s. */
void agent_stop(struct agent *agent);

/* Releases all leases and claims none until it is called with @drain false. @stay: also after a
 * restart. */
int agent_drain(struct agent *agent, bool drain, bool stay, struct err *err);

/* Asks the holder of @address to hand it over to @node. Errors as lease_machine_move(). */
int agent_move(struct agent *agent, const struct address *address, const char *node,
	       struct err *err);

/* The holder of @address, as an object. NULL: not known, with the reason in @err. */
json_t *agent_who_holds(struct agent *agent, const struct address *address, struct err *err);

/*
 * State of this node, and all Services with their addresses, the addresses' holders, and why this
 * node doesn't hold them, as an object in parts: agent_status_next() appends the next one to @out,
 * which takes some ms at most, and returns false if it is the last. In between, the agent goes on.
 * So the Services are those of the first part, and each row says what is when it is written.
 * @status is a struct agent_status.
 */
struct agent_status;
struct agent_status *agent_status_new(struct agent *agent);
bool agent_status_next(void *status, FILE *out);
/* Call it before agent_free(), or once all has been written. */
void agent_status_free(void *status);

/* State of the Service @name, NAMESPACE/NAME: its addresses, the policies that select it here, the
 * addresses' holders, and their interfaces, as an object in parts as agent_status_new()'s. NULL:
 * there is no such Service, which @err says. @show is a struct agent_show. */
struct agent_show;
struct agent_show *agent_show_new(struct agent *agent, const char *name, struct err *err);
bool agent_show_next(void *show, FILE *out);
void agent_show_free(void *show);

/* Names for shell completion: the first 1,000 Services and addresses, this node, and the nodes that
 * appear in their leases. */
json_t *agent_names(struct agent *agent);

/* Contents of the status page, in parts as agent_status_new()'s: this node's state, session, times
 * and conflicts, and Services as agent_show_new()'s, up to a bound. @page is a struct agent_page.
 */
struct agent_page;
struct agent_page *agent_page_new(struct agent *agent);
bool agent_page_next(void *page, FILE *out);
void agent_page_free(void *page);

/* Is the agent ready (/readyz)? *@ret_why: if not, the first reason; if it is, a note for the user,
 * or "". */
bool agent_ready(struct agent *agent, struct err *ret_why);

/* The HTTP server's options. */
const struct listen_options *agent_listen(const struct agent *agent);

/* Values of the metrics. */
struct agent_figures {
	struct lease_status lease;
	struct lease_entries entries;
	uint64_t reconciles, reconcile_failures, reconcile_ns, reconcile_worst_ns;
	uint64_t announced;
	uint64_t conflicts, defended, yielded;
	uint64_t probes_sent;
	size_t selected; /* addresses that policies select for this node */
	struct source_status source;
	size_t interfaces, attach_failures;
	bool draining, store_reachable;
	const struct loop_times *main_times, *lease_times;
};

/* Number of Services' addresses by reason, and one that has it: its address, or in a sentence a
 * Service without one. REASON_NONE: this node answers for them. */
struct reason_survey {
	size_t counts[REASON_COUNT];
	struct {
		struct address address;
		struct err text;
	} examples[REASON_COUNT];
};
void agent_survey_reasons(struct agent *agent, struct reason_survey *ret_survey);

/* How far agent_answers_next() has got. Zeroed but for @room at first. */
struct agent_answers {
	struct address last;
	size_t room; /* how many may still be visited: set it before. Others are counted in
			@left_out */
	size_t left_out;
};

/* Calls @visit with the number of answers sent for some addresses that this node holds, and one of
 * their Services, in ascending order. Takes some ms at most. False: there are no others. */
typedef void agent_answers_fn(const struct address *address, const struct service *service,
			      uint64_t sent, void *data);
bool agent_answers_next(struct agent *agent, struct agent_answers *answers, agent_answers_fn *visit,
			void *data);

void agent_figures(const struct agent *agent, struct agent_figures *ret_figures);
int agent_counts(struct agent *agent, struct outcome_counts *ret_counts, struct err *err);

#endif
