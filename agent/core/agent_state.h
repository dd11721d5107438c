/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The agent's state and what its files share. */
#ifndef XDP_L2RESPD_AGENT_STATE_H
#define XDP_L2RESPD_AGENT_STATE_H

#include "address_list.h"
#include "agent.h"
#include "agent_rows.h"
#include "announcer.h"
#include "attachments.h"
#include "config.h"
#include "defender.h"
#include "desired.h"
#include "identity.h"
#include "inquiry.h"
#include "kernel_view.h"
#include "lease_thread.h"
#include "links.h"
#include "log.h"
#include "reconcile.h"
#include "notify_events.h"
#include "source.h"

/* Number of limits for lines of the source. */
#define AGENT_ORIGINS 64

struct agent {
	sd_event *event;
	struct systemd *systemd;
	struct helper *helper;
	const char *path;
	const struct loop_times *times;
	struct config config;
	struct identity identity;
	struct source *source;
	struct links *links;
	struct program *program;
	struct attachments *attachments;
	struct lease_thread *thread;
	struct announcer *announcer;
	struct reconcile *reconcile;
	struct defender *defender;
	struct inquiry *inquiry;
	struct notify_events *events;
	struct desired desired;
	struct no_room *no_room;
	struct kernel_view kernel; /* that desired was made with */
	/* each ascending: this node's own addresses, and the other nodes' from the store */
	struct address_list own, others;
	struct address_list named; /* the other nodes', from their Node objects */
	size_t own_left_out;	   /* own addresses that don't fit into a heartbeat */
	bool others_known;
	bool needs_others; /* the lease thread reads the other nodes' addresses */

	sd_event_source *work;	 /* evaluation, also once the writers' lock may be free */
	sd_event_source *period; /* full check */
	sd_event_source *refresh, *beat, *stopping;
	sd_event_source *turn_end; /* of each turn of the loop */

	bool evaluated;			       /* desired matches the manifests and interfaces */
	uint64_t evaluate_ns, evaluated_at_ns; /* duration and end of the last evaluation */
	bool session_known;		       /* the lease thread knows which leases we hold */
	bool pins_due;			       /* pins are to be checked under the lock */
	bool grow_due;			       /* a map is full */
	bool compared;			       /* the maps were compared in this turn */
	bool status_due;		       /* the service manager's status may be outdated */
	bool draining;
	bool leases_ended, source_stopped; /* agent_stop() waits for both */
	char sent_status[128];
	uint64_t defended, compare_failures;
	struct log_limit defences, failures;
	/* of each reason, and then by the hash of a source's @origin */
	struct log_limit notices[REASON_COUNT + AGENT_ORIGINS];
	struct err failure; /* of the last comparison; empty: none */
};

/* The leases have been released, and the source has stopped, as agent_stop() asked. @agent is a
 * struct agent. */
void agent_leases_ended(struct agent *agent);
void agent_source_stopped(void *agent);

/* Applies policies to manifests and interfaces, and hands the result to reconcile. @look as in
 * attachments_select(). */
void agent_evaluate(struct agent *agent, bool look);

/* The current input of the policies, and of desired_make(). */
struct policy_input agent_policy_input(const struct agent *agent);
struct desired_view agent_desired_view(struct agent *agent);

/* Why this node doesn't try to hold @address, because of policies, manifests, interfaces or the
 * LAN; REASON_NONE: it does. @policies: index of the current ones; NULL: made for this address. */
void agent_why_unwanted(struct agent *agent, const struct policy_index *policies,
			const struct address *address, struct why *ret_why);

/* Why this node can't claim any lease; REASON_NONE: it can. */
void agent_why_no_part(const struct agent *agent, struct why *ret_why);
/* Is there an address that this node can't claim only because another node's leases last longer? */
bool agent_why_waits(const struct agent *agent, struct address *ret_address, struct why *ret_why);

/* Why this node doesn't answer for @address. @info: its lease, zeroed if it isn't known. @no_part:
 * agent_why_no_part()'s reason. */
enum reason agent_reason(const struct agent *agent, const struct address *address,
			 const struct lease_info *info, enum reason no_part);

/* agent_reason() with a sentence that has the names. */
void agent_why(struct agent *agent, const struct policy_index *policies,
	       const struct address *address, const struct lease_info *info, struct why *ret_why);

/* agent_why() for one of many addresses: @no_part is agent_why_no_part()'s result. */
void agent_why_of(struct agent *agent, const struct policy_index *policies,
		  const struct why *no_part, const struct address *address,
		  const struct lease_info *info, struct why *ret_why);

/* Why pools haven't assigned @service all addresses that it requests; REASON_NONE: they have. */
void agent_why_no_address(const struct agent *agent, const struct service *service,
			  struct why *ret_why);

/* A notify_view_fn. */
void agent_notify_view(struct notify_view *ret_view, void *agent);

/* Publishes this node's own addresses, and reserves all nodes' own addresses in the pools. */
void agent_update_group(struct agent *agent);

/* The other nodes' own addresses are known now, or have changed. @agent is a struct agent. */
void agent_group_changed(void *agent);

/* Forgets the other nodes' own addresses: the store may have been replaced. */
void agent_group_forget(struct agent *agent);

/* Does the store name @address as another node's own? */
bool agent_group_owns(const struct agent *agent, const struct address *address);

/* Are the leases' holders known? If not, an address without a known holder may still have one. */
bool agent_knows_holders(const struct agent *agent);

/* Callbacks; @agent is a struct agent. The first: the manifests or the interfaces have changed. The
 * second: other input of an evaluation has changed. The third: links_moved_fn. The fourth:
 * inquiry_callbacks' group_claims().
 */
void agent_input_changed(void *agent);
void agent_evaluate_soon(void *agent);
void agent_link_moved(uint32_t ifindex, void *agent);
void agent_group_claims(const struct address *addresses, size_t count, enum group_claim *ret_claims,
			void *agent);

/* Writes the next part of @rows as agent_show_new() has them. False: there is no other. */
bool agent_show_rows(struct agent *agent, struct rows *rows, FILE *out);

/* Requests for @address that the data path has answered since this node got it, on all interfaces.
 */
uint64_t agent_answers(const struct agent *agent, const struct address *address);

/* Calls reconcile_known() once this node's leases and desired addresses are known. */
void agent_check_ready_to_reconcile(struct agent *agent);

/* Sends the service manager STATUS=, and READY=1 once the agent has started. @late: send READY=1
 * even if the store doesn't answer yet, so that the agent isn't restarted; /readyz reports it. */
void agent_notify_service_manager(struct agent *agent, bool late);

#endif
