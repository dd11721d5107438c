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

/* Is everything in place? False with the first reason that it isn't; true with what should be known
 * nevertheless, or nothing. */
bool agent_ready(const struct agent *agent, struct err *ret_why);

/* Where HTTP listens: host and port, 0 for nowhere. */
const char *agent_listen(const struct agent *agent, uint16_t *ret_port);

/* Figures for metrics. */
struct agent_figures {
	struct lease_status lease;
	struct lease_entries entries;
	uint64_t reconciles, reconcile_failures, reconcile_ns, reconcile_worst_ns;
	uint64_t announced;
	uint64_t conflicts, defended, yielded;
	uint64_t asked;	 /* probes sent */
	size_t selected; /* addresses of this node's policies */
	size_t blocked;
	size_t cut_off; /* that no interface can answer for */
	size_t taken;	/* that another host has */
	struct source_status source;
	size_t interfaces, attach_failures;
	bool draining;
	const struct loop_times *main_times, *lease_times;
};

void agent_figures(const struct agent *agent, struct agent_figures *ret_figures);
int agent_counts(struct agent *agent, struct outcome_counts *ret_counts, struct err *err);

#endif
