/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The address pools of a Kubernetes cluster: one agent at a time decides, and writes what it
 * decided into the status of Services and pools, where all agents read it. docs/pools.md.
 */
#ifndef XDP_L2RESPD_CLUSTER_POOLS_H
#define XDP_L2RESPD_CLUSTER_POOLS_H

#include "kube.h"
#include "source_base.h"

struct cluster_pools;

struct cluster_pools_callbacks {
	/* Lists Services and pools anew; cluster_pools_listed() reports that. */
	void (*list)(struct source *source);
	/* Why some of them are left out; NULL: none are. */
	const char *(*full)(const struct source *source);
};

/* Decides for the items in @source; the functions below report their changes. Borrows @kube,
 * @source, @class and @callbacks. Without @options' pools it only elects a leader. Errors with
 * @err. */
int cluster_pools_new(sd_event *event, struct kube *kube, struct source *source,
		      const struct source_options *options, const struct service_class *class,
		      const struct cluster_pools_callbacks *callbacks,
		      struct cluster_pools **ret_pools, struct err *err);

/* NULL is fine. */
void cluster_pools_free(struct cluster_pools *pools);

/* Stops deciding and gives up the lead; the source's stopped() reports when that is done. */
void cluster_pools_stop(struct cluster_pools *pools);

/* A list of Services, or of pools, ended, or a pool changed: decide about everything again. */
void cluster_pools_listed(struct cluster_pools *pools, bool of_pools);
void cluster_pools_relisted(struct cluster_pools *pools);
/* The server doesn't have pools: nothing waits for their list. */
void cluster_pools_not_served(struct cluster_pools *pools);

/* Nothing else of a pool has changed, as when this node writes it: there may be more to write. */
void cluster_pools_status_changed(struct cluster_pools *pools);

/* @item is about to be removed from the source. */
void cluster_pools_removed(struct cluster_pools *pools, const struct source_item *item);

/* Decides about the items that changed (source_item.pools_behind), once all are known, and begins
 * to write; a part of that if it takes long, and the rest later. */
void cluster_pools_settle(struct cluster_pools *pools);

/* NULL: another agent decides. */
const struct allocator *cluster_pools_allocator(const struct cluster_pools *pools);

/* Is this the node that reports for all nodes? */
bool cluster_pools_leads(const struct cluster_pools *pools);

#endif
