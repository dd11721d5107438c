/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The address pools of a Kubernetes cluster: one agent at a time decides, and writes what it
 * decided into the Services' and the pools' status, from which all agents take it. docs/pools.md.
 */
#ifndef XDP_L2RESPD_KUBE_POOLS_H
#define XDP_L2RESPD_KUBE_POOLS_H

#include "kube.h"
#include "source_base.h"

struct kube_pools;

/* Of the items in @source, of which it is told by the following functions. @class as in @options,
 * borrowed, as are the others but @options, without whose pools it only leads. Errors with @err. */
int kube_pools_new(sd_event *event, struct kube *kube, struct source *source,
		   const struct source_options *options, const struct service_class *class,
		   struct kube_pools **ret_pools, struct err *err);

/* NULL is fine. */
void kube_pools_free(struct kube_pools *pools);

/* Decides no more, and gives the lead to another; the source's stopped() says when. */
void kube_pools_stop(struct kube_pools *pools);

/* Some items may be gone, or the pools are others. */
void kube_pools_relisted(struct kube_pools *pools);

/* @item is about to be removed from the source. */
void kube_pools_removed(struct kube_pools *pools, const struct source_item *item);

/* Decides about the items that changed (source_item.pools_behind), once all are known, and begins
 * to write. */
void kube_pools_settle(struct kube_pools *pools);

/* NULL: another agent decides. */
const struct allocator *kube_pools_allocator(const struct kube_pools *pools);

/* Does this node say what is said once for all? */
bool kube_pools_leads(const struct kube_pools *pools);

#endif
