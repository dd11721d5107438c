/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a node writes over a claim, and how many at a time. All do nothing while a write of the same
 * claim is on its way; the view tells what became of it. */
#ifndef XDP_L2RESP_LEASE_CLAIM_WRITE_H
#define XDP_L2RESP_LEASE_CLAIM_WRITE_H

#include "lease_model.h"

/* No answer yet, or a refusal that the view hasn't explained: not again at once. */
bool lease_claim_tried(const struct lease_claim *claim, uint64_t now);
/* May @claim be written over now? Else it is looked at again when it may. */
bool lease_claim_may_write(struct lease_machine *machine, struct lease_claim *claim, uint64_t now);

/* Writes ourselves in as the holder. */
void lease_claim_take(struct lease_machine *machine, struct lease_claim *claim, uint64_t now);
/* Writes it as free. */
void lease_claim_release(struct lease_machine *machine, struct lease_claim *claim, uint64_t now);
/* The holder takes the mark "unsettled" away: it knows what others can't, that nobody else was
 * there for a full duration. */
void lease_claim_settle(struct lease_machine *machine, struct lease_claim *claim, uint64_t now);
/* Says that this node would take @claim from its living holder. */
void lease_claim_ask(struct lease_machine *machine, struct lease_claim *claim, uint64_t now);
/* Writes a person's wish that @peer have it, however many others are being written; @session: that
 * of @peer if it has agreed, else 0. @claim isn't busy. */
void lease_claim_move(struct lease_machine *machine, struct lease_claim *claim,
		      const struct lease_peer *peer, uint64_t session, uint64_t now);
/* Removes the record. */
void lease_claim_remove(struct lease_machine *machine, struct lease_claim *claim, uint64_t now);

/* A renewal is being confirmed, late or in time: how many may be written at a time. */
void lease_claims_renewed(struct lease_machine *machine, uint64_t now);

/* The result of a write, as store.h's swapped() has it. */
void lease_claim_swapped(struct lease_machine *machine, const struct record *record, int result);

#endif
