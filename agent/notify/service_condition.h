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

/* Why an address isn't announced by any node. */
struct nobody {
	bool meant; /* as it should be: an external address may be routed */
	bool known; /* else other nodes may announce it */
	struct why why;
	uint64_t grace_ns; /* for so long it needn't mean anything */
};

/* Why nobody announces @address of @service's field, for which no node that is known to live has
 * the claim. */
void service_nobody(struct service_judge *judge, const struct service *service,
		    const struct address *address, bool load_balancer, struct nobody *ret_nobody);

/* Says the condition of @service, if that is this node's to say. @infos: what is known of its
 * addresses, those of load_balancer and then the external ones. */
void service_condition_say(struct service_judge *judge, const struct service *service,
			   const struct lease_info *infos);

#endif
