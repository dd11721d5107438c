/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The condition of a Service: whether and where its addresses are announced, or why not. Decides
 * which node writes it. */
#ifndef XDP_L2RESPD_NOTIFY_CONDITION_H
#define XDP_L2RESPD_NOTIFY_CONDITION_H

#include "clock.h"
#include "notify_view.h"

/* The input for checking some Services. */
struct notify_check {
	const struct notify_view *view;
	const struct service *const *services;
	size_t count;
	bool leads;   /* this node reports on addresses without a holder */
	bool assigns; /* this node decides which addresses pools assign */
	/* of the Services, on any node and on this one; made when they are needed */
	struct policy_index *anywhere, *here;
};

void notify_check_end(struct notify_check *check);

/* An address must be without an announcer for this long before it is reported, since objects arrive
 * one after the other. If a policy selects it, a lease's duration is added. */
#define NOTIFY_SILENCE_NS (4 * CLOCK_NS_PER_S)

/* Why no node announces an address. */
struct notify_unannounced {
	bool intended; /* no policy selects the external address: it may be routed */
	bool known;    /* false: another node may announce it */
	struct why why;
	uint64_t grace_ns; /* report it only after this time */
};

/* Why no node announces @address in @service's field. No node known to be alive holds its lease,
 * which is @info. */
void notify_why_unannounced(struct notify_check *check, const struct service *service,
			    const struct address *address, bool load_balancer,
			    const struct lease_info *info, struct notify_unannounced *ret_nobody);

/* Why this node doesn't announce @address, whose lease is @info. */
void notify_why_here(struct notify_check *check, const struct address *address,
		     const struct lease_info *info, struct why *ret_why);

/* Has @service no address although it requests one from pools? *@ret_why is the reason. Also false
 * if another node has to report it. */
bool notify_lacks_address(const struct notify_check *check, const struct service *service,
			  struct why *ret_why);

/* Writes the condition of @service, unless another node has to. @infos: the leases of its
 * addresses, those of load_balancer first, then the external ones. */
void notify_condition_write(struct notify_check *check, const struct service *service,
			    const struct lease_info *infos);

#endif
