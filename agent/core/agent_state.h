/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the agent is made of: for agent.c, which joins it, and agent_report.c, which tells of it. */
#ifndef XDP_L2RESPD_AGENT_STATE_H
#define XDP_L2RESPD_AGENT_STATE_H

#include "address_list.h"
#include "agent.h"
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
#include "service_events.h"
#include "source.h"

struct agent {
	sd_event *event;
	struct notify *notify;
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
	struct service_events *events;
	struct desired desired;
	struct no_room *no_room;
	struct kernel_view kernel; /* that desired was made with */
	/* each ascending: what this node has as its own, and what the others have */
	struct address_list own, others;
	struct address_list named; /* the others', by their Node objects */
	size_t own_left_out;	   /* more of its own than others are told of */
	bool others_known;
	bool asks; /* the lease thread for the others' */

	sd_event_source *work;	 /* evaluate, or what waited for the writers' lock */
	sd_event_source *period; /* look at everything */
	sd_event_source *refresh, *beat, *stopping;
	sd_event_source *turn_end; /* of each turn of the loop */

	bool evaluated;			    /* desired is of the manifests and interfaces */
	uint64_t evaluate_ns, judged_at_ns; /* how long the last evaluation took, and its end */
	bool session_known;		    /* the lease thread has said what it holds */
	bool pins_due;			    /* to be looked at under the lock */
	bool grow_due;			    /* a map is full */
	bool compared;			    /* the maps, in this turn */
	bool status_due;		    /* the service manager is to be told */
	bool draining;
	bool leases_ended, source_stopped; /* of what agent_stop() waits for */
	bool told_ready;
	char told_status[128];
	uint64_t defended, yielded, compare_failures;
	struct log_limit defences, failures;
	struct err failure; /* of the last comparison; empty: none */
};

/* Parts of what agent_stop() waits for are over. @agent is a struct agent. */
void agent_leases_ended(struct agent *agent);
void agent_source_stopped(void *agent);

/* Has the work be done that waits, in @usec. */
void agent_plan(struct agent *agent, uint64_t usec);

/* Applies policies to manifests and interfaces, and passes on what follows. @look as in
 * attachments_select(). */
void agent_evaluate(struct agent *agent, bool look);

/* What policies are applied to, and what addresses are judged by, at the moment. */
struct policy_input agent_policy_input(const struct agent *agent);
struct desired_view agent_desired_view(struct agent *agent);

/* Why this node doesn't want @address, by policies, manifests, devices and the LAN; REASON_NONE: it
 * does. @policies as they are now; NULL: nobody asks about more than this one. */
void agent_why_unwanted(struct agent *agent, const struct policy_index *policies,
			const struct address *address, struct why *ret_why);

/* Why it takes no part in leases. */
void agent_why_no_part(const struct agent *agent, struct why *ret_why);
/* Is there an address that this node would claim, but for another node's leases, which last longer?
 */
bool agent_why_waits(const struct agent *agent, struct address *ret_address, struct why *ret_why);

/* Why it doesn't answer for @address, of which @info is known, or all zero. @no_part: as above. */
enum reason agent_reason(const struct agent *agent, const struct address *address,
			 const struct lease_info *info, enum reason no_part);

/* The same, with names. */
void agent_why(struct agent *agent, const struct policy_index *policies,
	       const struct address *address, const struct lease_info *info, struct why *ret_why);

/* The same for one of many addresses: @no_part is agent_why_no_part()'s. */
void agent_why_of(struct agent *agent, const struct policy_index *policies,
		  const struct why *no_part, const struct address *address,
		  const struct lease_info *info, struct why *ret_why);

/* Why @service has no address of pools, or no more; REASON_NONE: it has what it asks for. */
void agent_why_no_address(const struct agent *agent, const struct service *service,
			  struct why *ret_why);

/* As service_view_fn. */
void agent_service_view(struct service_view *ret_view, void *agent);

/* Tells the group what this node has as its own, and the pools what all have. */
void agent_tell_group(struct agent *agent);

/* What the others have is known now, or changed. @agent is a struct agent. */
void agent_group_heard(void *agent);

/* Another store may tell otherwise. */
void agent_group_forget(struct agent *agent);

/* Has another node @address as its own, as far as is known? */
bool agent_group_owns(const struct agent *agent, const struct address *address);

/* Does the store tell who has an address? Else nobody is known to have none. */
bool agent_knows_holders(const struct agent *agent);

/* Callbacks; @agent is a struct agent. The manifests or the interfaces changed; something else did
 * that an evaluation goes by; as inquiry_callbacks' group(). */
void agent_input_changed(void *agent);
void agent_evaluate_soon(void *agent);
enum group_claim agent_group_claim(const struct address *address, void *agent);

/* As agent_show(); @policies and @slices are indexed once for all Services. */
json_t *agent_show_service(struct agent *agent, const struct policy_index *policies,
			   const struct slice_index *slices, const struct service *service);

/* Requests for @address that the data path answered since this node has it, on all interfaces. */
uint64_t agent_answers(struct agent *agent, const struct address *address);

/* Tells reconcile when it is known what this node held and what it should. */
void agent_look_whether_known(struct agent *agent);

/* READY=1, once there is reason to, and how things are. @late: the store keeps us waiting; that is
 * /readyz's to tell, and no reason to be restarted. */
void agent_tell_service_manager(struct agent *agent, bool late);

#endif
