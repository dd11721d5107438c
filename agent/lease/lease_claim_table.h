/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The claims by address, and those that are to be looked at, now or at a time. */
#ifndef XDP_L2RESP_LEASE_CLAIM_TABLE_H
#define XDP_L2RESP_LEASE_CLAIM_TABLE_H

#include "lease_model.h"

/* NULL: there is none. */
struct lease_claim *lease_claim_find(const struct lease_machine *machine,
				     const struct address *address);
/* The claim on @address, made where there is none. */
struct lease_claim *lease_claim_get(struct lease_machine *machine, const struct address *address);
/* The record of @claim vanished at @since: until when does it count as held? */
void lease_claim_vanished(struct lease_machine *machine, struct lease_claim *claim, uint64_t since);
void lease_claim_free(struct lease_machine *machine, struct lease_claim *claim);
/* Has @claim a record, or the store room for it? */
bool lease_claim_has_room(const struct lease_machine *machine, const struct lease_claim *claim);
void lease_claims_free(struct lease_machine *machine);

/* Calls @visit for each claim; it may free the one that it is given. */
void lease_claims_visit(struct lease_machine *machine,
			void (*visit)(struct lease_machine *machine, struct lease_claim *claim));

/* @claim is to be looked at: when its line's turn comes if it waits to be written, unless it has an
 * entry, which it may have to lose at once. */
void lease_claim_queue(struct lease_machine *machine, struct lease_claim *claim);
/* No claim is in a queue any more; what they know of that is the caller's. */
void lease_claims_unqueue(struct lease_machine *machine);
void lease_claims_queue_all(struct lease_machine *machine);
/* @claim waits until fewer claims are being written, before those of its line that have no entry.
 */
void lease_claim_wait(struct lease_machine *machine, struct lease_claim *claim);
/* It no longer does: what it waited for may be void. */
void lease_claim_unwait(struct lease_machine *machine, struct lease_claim *claim);
/* May another claim be written now? */
bool lease_claims_have_room(const struct lease_machine *machine, uint64_t now);
/* Is there one to look at now? */
bool lease_claims_pending(const struct lease_machine *machine, uint64_t now);
/* The next claim to look at, from the queue and the lines by turns; NULL: there is none. */
struct lease_claim *lease_claim_next(struct lease_machine *machine, uint64_t now);

/* @claim is to be looked at again soon after @due. */
void lease_claim_due(struct lease_machine *machine, struct lease_claim *claim, uint64_t due);
/* Queues the claims that are due by now. */
void lease_claims_queue_due(struct lease_machine *machine, uint64_t now);

#endif
