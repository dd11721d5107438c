/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who keeps what, and who gets what is free: docs/pools.md has the order. */
#ifndef XDP_L2RESPD_DECISION_H
#define XDP_L2RESPD_DECISION_H

#include "allocator_state.h"

/* Decides for the dirty states, and for those that wait if there may be something for them. Those
 * that are gone are freed. */
void decide(struct allocator *allocator);

#endif
