/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which node should have an address: weighted rendezvous hashing, so that all nodes agree without
 * talking, and a node that comes or goes moves no more than its share. */
#ifndef XDP_L2RESP_LEASE_RANK_H
#define XDP_L2RESP_LEASE_RANK_H

#include <stdint.h>

#include "addr.h"

/* The larger, the more @address belongs to @node. 0 for @weight 0, else above. */
double lease_rank_score(const struct address *address, const char *node, uint32_t weight);

#endif
