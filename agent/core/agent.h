/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The agent: policies in, entries and announcements out, as far as the leases allow. */
#ifndef XDP_L2RESPD_AGENT_H
#define XDP_L2RESPD_AGENT_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>
#include <systemd/sd-event.h>

#include "addr.h"
#include "config.h"
#include "err.h"
#include "helper.h"
#include "lease_thread.h"
#include "notify.h"
#include "program.h"
#include "reason.h"
#include "source.h"

struct agent;

/* What the agent is made of. It borrows these. */
struct agent_parts {
	sd_event *event;
	struct notify *notify;
	struct helper *helper;
	struct program *program;
	const struct loop_times *times; /* of the event loop */
	const char *path;		/* of the configuration */
};

/* Begins with @config, which was read from the parts' path, and which it takes over whatever the
 * result. What follows happens on the event loop. */
int agent_new(const struct agent_parts *parts, struct config *config, struct agent **ret_agent,
	      struct err *err);
/* Leaves entries and stamps as they are. */
void agent_free(struct agent *agent);

/* SIGHUP: reads configuration and manifests again. With an error in either, what was in force
 * stays; -EINVAL with @err for the configuration. */
int agent_reload(struct agent *agent, struct err *err);

/* SIGTERM: gives everything up; the event loop ends when that is done, or after 3 s. */
void agent_stop(struct agent *agent);

/* Gives everything up but goes on running, or takes part again. @stay: also after a restart. */
int agent_drain(struct agent *agent, bool drain, bool stay, struct err *err);

/* Asks for @address to go to @node, lease_manager_move()'s errors. */
int agent_move(struct agent *agent, const struct address *address, const char *node,
	       struct err *err);

/* Who has @address, as an object; NULL where nothing is known, with the reason in @err. */
json_t *agent_who_holds(struct agent *agent, const struct address *address, struct err *err);

/* What becomes of the Service @name, NAMESPACE/NAME: its addresses, the policies that select it
 * here, who holds them, and where they are announced. NULL with @err: there is no such Service. */
json_t *agent_show(struct agent *agent, const char *name, struct err *err);

/* This node, and all Services, each with its addresses, who has them, and why it isn't this node.
 */
json_t *agent_status(struct agent *agent);

/* Names that commands take: the first 1,000 Services and addresses, and the nodes that were seen to
 * have one, this one too. */
json_t *agent_names(struct agent *agent);

/* What the status page shows: the same of this node, its session, times and conflicts, and Services
 * as agent_show() has them, up to a bound. */
json_t *agent_page(struct agent *agent);

/* Is everything in place? False with the first reason that it isn't; true with what may surprise
 * all the same, or "". */
bool agent_ready(struct agent *agent, struct err *ret_why);

/* Where HTTP listens. */
const struct listen_options *agent_listen(const struct agent *agent);

/* Figures for metrics. */
struct agent_figures {
	struct lease_status lease;
	struct lease_entries entries;
	uint64_t reconciles, reconcile_failures, reconcile_ns, reconcile_worst_ns;
	uint64_t announced;
	uint64_t conflicts, defended, yielded;
	uint64_t asked;	 /* probes sent */
	size_t selected; /* addresses of this node's policies */
	struct source_status source;
	size_t interfaces, attach_failures;
	bool draining, store_reachable;
	const struct loop_times *main_times, *lease_times;
};

/* How many addresses of Services there are of each reason; REASON_NONE: that this node answers
 * for. */
void agent_count_reasons(struct agent *agent, size_t ret_counts[REASON_COUNT]);

/* Shows the answers sent for addresses that this node holds, each with one of its Services, until
 * @most were shown; how many weren't. */
typedef void agent_answers_fn(const struct address *address, const struct service *service,
			      uint64_t answers, void *data);
size_t agent_visit_answers(struct agent *agent, size_t most, agent_answers_fn *visit, void *data);

void agent_figures(const struct agent *agent, struct agent_figures *ret_figures);
int agent_counts(struct agent *agent, struct outcome_counts *ret_counts, struct err *err);

#endif
