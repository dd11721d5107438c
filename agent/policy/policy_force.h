/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Policies as they are on this node: which of them select it, and on which devices. */
#ifndef XDP_L2RESPD_POLICY_FORCE_H
#define XDP_L2RESPD_POLICY_FORCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "links.h"
#include "manifest.h"
#include "reason.h"

/* The label that a node has without a Node object. */
#define LABEL_HOSTNAME "kubernetes.io/hostname"

struct in_force {
	const struct policy *policy;
	bool here; /* its nodeSelector selects this node */
	uint32_t *ifindexes;
	size_t count;
};

/* All policies, the last of each name; those that don't select this node, too. */
struct in_force_list {
	struct in_force *list;
	size_t count;
	uint32_t steps; /* left for the policies' patterns */
};

void in_force_list_free(struct in_force_list *list);

/* The node called @name: its last manifest's. Without one, NULL. */
const struct node *node_find(const struct manifest *const *manifests, size_t count,
			     const char *name);

/* @node NULL: any node, whose devices aren't known. */
struct in_force_list in_force_find(const struct manifest *const *manifests, size_t count,
				   const char *node, const struct link_table *links);

/* Why @in_force doesn't announce addresses of @service's field on this node: those of
 * status.loadBalancer or of externalIPs; REASON_NONE: it does. */
enum reason in_force_reason(const struct in_force *in_force, const struct service *service,
			    bool load_balancer);

/* Why none of @in_force does: the reason of the one that came furthest, or @service isn't ours. */
enum reason in_force_judge(const struct in_force_list *in_force, const struct service_class *class,
			   const struct service *service, bool load_balancer);

/* All Services, the last of each name. The caller frees the list. */
const struct service **services_in_force(const struct manifest *const *manifests, size_t count,
					 size_t *ret_count);

#endif
