/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef XDP_L2RESPD_VERDICT_H
#define XDP_L2RESPD_VERDICT_H

#include <stdbool.h>

#include "address_list.h"
#include "service.h"

/* Condition types of a Service, and of a pool. */
#define CONDITION_SATISFIED "cilium.io/IPAMRequestSatisfied"
#define CONDITION_CONFLICT  "cilium.io/PoolConflict"
#define CONDITION_TOTAL	    "cilium.io/IPsTotal"
#define CONDITION_AVAILABLE "cilium.io/IPsAvailable"
#define CONDITION_USED	    "cilium.io/IPsUsed"

/* The decision about a Service. */
struct verdict {
	const struct service *service;
	/* false: it has no address from here. Of a LoadBalancer Service that isn't served, or not
	 * yet, others may write the status; one of another type has nothing of it any more. */
	bool ours;
	struct address_list addresses;
	/* CONDITION_SATISFIED: true with "satisfied" and "", or false with a reason and a message
	 */
	bool satisfied;
	const char *reason;
	char *message;
	bool changed; /* something here has changed since it was last reported */
};

#endif
