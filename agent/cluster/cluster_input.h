/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What pools decide about: the Services and pools among the items. */
#ifndef XDP_L2RESPD_CLUSTER_INPUT_H
#define XDP_L2RESPD_CLUSTER_INPUT_H

#include "allocator.h"
#include "source_items.h"

/*
 * The Service of @item, which the caller unrefs. If its current version is wrong, or there is no
 * room for it, a stand-in that has only the addresses in its status, so that nobody else gets
 * these: it isn't of type LoadBalancer. NULL: @item is of another kind, or its status is wrong.
 */
struct service *cluster_input_service(const struct source_item *item);

/* The pools, each in its last valid version: how many there are, and given to @allocator. */
size_t cluster_input_count_pools(const struct source_items *items);
void cluster_input_set_pools(const struct source_items *items, struct allocator *allocator);

/* A pool that is wrong, of which this process has seen no valid version; NULL: there is none. */
const struct source_item *cluster_input_wrong_pool(const struct source_items *items);

#endif
