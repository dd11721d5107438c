/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which of several nodes goes first. It changes only who tries to write a claim when: never whether
 * an answer is allowed. */
#ifndef XDP_L2RESP_LEASE_ORDER_H
#define XDP_L2RESP_LEASE_ORDER_H

#include "lease_model.h"

/* Has a node said that it takes @claim over, and can it? */
bool lease_wish_stands(const struct lease_machine *machine, const struct lease_claim *claim,
		       uint64_t now);
/* The node for whose leases alone @claim, which this node wants, isn't claimed: they last longer
 * than this one's. NULL: there is none. */
const struct lease_peer *lease_claim_waits_for(const struct lease_machine *machine,
					       const struct lease_claim *claim, uint64_t now);
/* Is @peer one of the nodes that are preferred for @claim, by its heartbeat? */
bool lease_claim_prefers(const struct lease_claim *claim, const struct lease_peer *peer);
/* Is there another node that would take addresses? */
bool lease_others_live(const struct lease_machine *machine, uint64_t now);
/* How many nodes should have @claim rather than this one. A node that isn't eligible may be among
 * them; it costs a step's delay. */
unsigned int lease_claim_rank(const struct lease_machine *machine, const struct lease_claim *claim,
			      uint64_t now);
/* From when on nobody can answer for @claim any more. LEASE_NEVER: that takes an event. */
uint64_t lease_claim_free_from(const struct lease_claim *claim);
/* Until when this node leaves a claim to others that is free since @claim->free_ns. */
uint64_t lease_claim_take_from(const struct lease_machine *machine, const struct lease_claim *claim,
			       uint64_t now);
/* When this node removes the record of a claim that is free since @claim->free_ns, and that it
 * doesn't want. */
uint64_t lease_claim_remove_from(const struct lease_machine *machine,
				 const struct lease_claim *claim, uint64_t now);

#endif
