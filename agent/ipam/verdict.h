/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef XDP_L2RESPD_VERDICT_H
#define XDP_L2RESPD_VERDICT_H

#include <stdbool.h>

#include "address_list.h"
#include "service.h"

/* The condition of a Service, and those of a pool. */
#define CONDITION_SATISFIED "cilium.io/IPAMRequestSatisfied"
#define CONDITION_CONFLICT  "cilium.io/PoolConflict"
#define CONDITION_TOTAL	    "cilium.io/IPsTotal"
#define CONDITION_AVAILABLE "cilium.io/IPsAvailable"
#define CONDITION_USED	    "cilium.io/IPsUsed"

/* What is decided for a Service. */
struct verdict {
	const struct service *service;
	/* false: it is none of ours (any more): no address, and no condition */
	bool ours;
	struct address_list addresses;
	/* CONDITION_SATISFIED: true with "satisfied" and "", or false with a reason and a message
	 */
	bool satisfied;
	const char *reason;
	char *message;
	bool changed; /* has any of this changed since it was last reported? */
};

#endif
