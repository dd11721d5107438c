/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The address pools of a Kubernetes cluster: one agent at a time decides, and writes what it
 * decided into the status of Services and pools, where all agents read it. docs/pools.md.
 */
#ifndef XDP_L2RESPD_KUBE_POOLS_H
#define XDP_L2RESPD_KUBE_POOLS_H

#include "kube.h"
#include "source_base.h"

struct kube_pools;

/* Decides for the items in @source; the functions below report their changes. Borrows @kube,
 * @source and @class. Without @options' pools it only elects a leader. Errors with @err. */
int kube_pools_new(sd_event *event, struct kube *kube, struct source *source,
		   const struct source_options *options, const struct service_class *class,
		   struct kube_pools **ret_pools, struct err *err);

/* NULL is fine. */
void kube_pools_free(struct kube_pools *pools);

/* Stops deciding and gives up the lead; the source's stopped() reports when that is done. */
void kube_pools_stop(struct kube_pools *pools);

/* A list of Services or pools ended, or a pool changed: decide about everything again. */
void kube_pools_relisted(struct kube_pools *pools);

/* A hash of what decisions depend on in the pool @object: all but its status. */
uint64_t kube_pools_hash(const json_t *object);

/* Nothing else of a pool has changed, as when this node writes it: there may be more to write. */
void kube_pools_status_changed(struct kube_pools *pools);

/* @item is about to be removed from the source. */
void kube_pools_removed(struct kube_pools *pools, const struct source_item *item);

/* Decides about the items that changed (source_item.pools_behind), once all are known, and begins
 * to write; a part of that if it takes long, and the rest later. */
void kube_pools_settle(struct kube_pools *pools);

/* NULL: another agent decides. */
const struct allocator *kube_pools_allocator(const struct kube_pools *pools);

/* Is this the node that reports for all nodes? */
bool kube_pools_leads(const struct kube_pools *pools);

#endif
