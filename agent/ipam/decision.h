/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decides which Services keep their addresses, and which get free ones. docs/pools.md has the
 * order.
 */
#ifndef XDP_L2RESPD_DECISION_H
#define XDP_L2RESPD_DECISION_H

#include "allocator_state.h"

/* Decides for the dirty states, and for the waiting ones if they may get an address: @steps steps
 * of it, each about one state. Frees removed states. Returns whether it is finished; then
 * decision_free() ends it. */
bool decide(struct allocator *allocator, size_t steps);

bool decision_under_way(const struct allocator *allocator);

void decision_free(struct decision *decision);

#endif
