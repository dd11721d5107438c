/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether, where and why not the addresses of one Service are announced, and who says so. */
#ifndef XDP_L2RESPD_SERVICE_CONDITION_H
#define XDP_L2RESPD_SERVICE_CONDITION_H

#include "service_view.h"

/* What some Services are judged by. */
struct service_judge {
	const struct service_view *view;
	const struct service *const *services;
	size_t count;
	bool leads; /* this node says for all what no holder says */
	bool gives; /* and gives the pools' addresses */
	/* of the Services, on any node and on this one; made when they are needed */
	struct policy_index *anywhere, *here;
};

void service_judge_end(struct service_judge *judge);

/* For so long it needn't mean anything that nobody announces: objects come one after the other.
 * Where a policy selects an address, nodes wait for leases to run out as well. */
#define SILENCE_NS (4 * UINT64_C(1000000000))

/* Why an address isn't announced by any node. */
struct nobody {
	bool meant; /* as it should be: an external address may be routed */
	bool known; /* else other nodes may announce it */
	struct why why;
	uint64_t grace_ns; /* for so long it needn't mean anything */
};

/* Why nobody announces @address of @service's field, for which no node that is known to live has
 * the claim; @info is what is known of it. */
void service_nobody(struct service_judge *judge, const struct service *service,
		    const struct address *address, bool load_balancer,
		    const struct lease_info *info, struct nobody *ret_nobody);

/* Why this node doesn't announce @address, of which @info is known. */
void service_why_here(struct service_judge *judge, const struct address *address,
		      const struct lease_info *info, struct why *ret_why);

/* Why pools give @service none of the addresses that it asks for. False: that isn't so, or isn't
 * for this node to say. */
bool service_lacks_address(const struct service_judge *judge, const struct service *service,
			   struct why *ret_why);

/* Says the condition of @service, if that is this node's to say. @infos: what is known of its
 * addresses, those of load_balancer and then the external ones. */
void service_condition_say(struct service_judge *judge, const struct service *service,
			   const struct lease_info *infos);

#endif
