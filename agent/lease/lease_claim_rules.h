/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who answers for an address: what this node does about each claim, by what the view shows. */
#ifndef XDP_L2RESP_LEASE_CLAIM_RULES_H
#define XDP_L2RESP_LEASE_CLAIM_RULES_H

#include "lease_model.h"

/* Looks at the claims that are queued or due; returns when the next is due. */
uint64_t lease_claims_run(struct lease_machine *machine, uint64_t now);
/* The session resumes: which of its claims have an entry? 1: there are more, call it again in
 * another turn; else 0, or an error as present() of lease.h. */
int lease_claims_resume(struct lease_machine *machine);
/* Gives up the entries of claims that the view doesn't show as ours. -EAGAIN if one stays. */
int lease_claims_settle_disputes(struct lease_machine *machine);
/* The session's entries are gone: tells it of each. */
void lease_claims_end(struct lease_machine *machine, enum lease_loss reason);

#endif
