/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state of the agent that Events and conditions are made from. */
#ifndef XDP_L2RESPD_NOTIFY_VIEW_H
#define XDP_L2RESPD_NOTIFY_VIEW_H

#include "desired.h"
#include "lease_thread.h"
#include "policy.h"
#include "reconcile.h"
#include "source.h"

/* The current state. Borrowed. */
struct notify_view {
	struct source *source;
	const struct desired *desired;
	const struct links_table *links;
	const struct reconcile *reconcile;
	struct lease_thread *thread;
	const char *node;
	struct service_class class;
	bool shared; /* there is a store, with other nodes' leases */
	bool knows;  /* agent_knows_holders() */
	struct policy_input input;
	/* why this node doesn't announce an address, whose lease is @info; @here: index of the
	 * policies on this node */
	void (*why)(const struct policy_index *here, const struct address *address,
		    const struct lease_info *info, struct why *ret_why, void *userdata);
	void *userdata;
	uint64_t duration_ns; /* of a lease */
};

typedef void notify_view_fn(struct notify_view *ret_view, void *userdata);

#endif
