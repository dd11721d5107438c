/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Claims as the view shows them. */
#ifndef XDP_L2RESP_LEASE_CLAIM_VIEW_H
#define XDP_L2RESP_LEASE_CLAIM_VIEW_H

#include "lease_model.h"

/* Is there room for what @record shows? */
bool lease_claim_fits(struct lease_machine *machine, const struct record *record);
/* The view is given up, as after a restart: only what this node wants or holds stays. Another list
 * must follow. */
void lease_claims_forget(struct lease_machine *machine);
void lease_claim_record(struct lease_machine *machine, const struct record *record);
/* The view is complete, its peers known: claims that it doesn't have are gone. */
void lease_claims_synced(struct lease_machine *machine);

#endif
