/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known here of Services and of who announces their addresses, for what people are told. */
#ifndef XDP_L2RESPD_SERVICE_VIEW_H
#define XDP_L2RESPD_SERVICE_VIEW_H

#include "desired.h"
#include "lease_thread.h"
#include "policy.h"
#include "reconcile.h"
#include "source.h"

/* At the moment. Borrowed. */
struct service_view {
	struct source *source;
	const struct desired *desired;
	const struct link_table *links;
	const struct reconcile *reconcile;
	struct lease_thread *thread;
	const char *node;
	struct service_class class;
	bool shared; /* the store says what other nodes hold, */
	bool knows;  /* and is known: see agent_knows_holders() */
	struct policy_input input;
	/* why this node doesn't announce an address, of which @info is known; @here: its policies
	 */
	void (*why)(const struct policy_index *here, const struct address *address,
		    const struct lease_info *info, struct why *ret_why, void *userdata);
	void *userdata;
	uint64_t duration_ns; /* of a lease */
};

typedef void service_view_fn(struct service_view *ret_view, void *userdata);

#endif
