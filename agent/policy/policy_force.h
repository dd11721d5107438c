/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The policies on this node: which of them select it, and on which interfaces. */
#ifndef XDP_L2RESPD_POLICY_FORCE_H
#define XDP_L2RESPD_POLICY_FORCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "links.h"
#include "manifest.h"
#include "reason.h"

/* The only label of a node without a Node object. */
#define LABEL_HOSTNAME "kubernetes.io/hostname"

struct in_force {
	const struct policy *policy;
	bool here; /* its nodeSelector selects this node */
	uint32_t *ifindexes;
	size_t count;
};

/* All policies, also those that don't select this node. Of policies with the same name, the last.
 */
struct in_force_list {
	struct in_force *list;
	size_t count;
	uint32_t steps; /* remaining budget for matching the policies' patterns */
};

void in_force_list_free(struct in_force_list *list);

/* The last Node object called @name; NULL: there is none. */
const struct node *policy_node(const struct manifest *const *manifests, size_t count,
			       const char *name);

/* @node NULL: any node, with unknown interfaces. */
struct in_force_list in_force_find(const struct manifest *const *manifests, size_t count,
				   const char *node, const struct links_table *links);

/* Why @in_force doesn't announce @service's addresses in status.loadBalancer (@load_balancer) or
 * externalIPs on this node; REASON_NONE: it does. */
enum reason in_force_reason(const struct in_force *in_force, const struct service *service,
			    bool load_balancer);

/* Why none of @in_force does: the reason of the policy that passed the most checks, or that
 * @service has another class. */
enum reason in_force_list_reason(const struct in_force_list *in_force,
				 const struct service_class *class, const struct service *service,
				 bool load_balancer);

/* All Services, of those with the same name the last. The caller frees the list. */
const struct service **services_in_force(const struct manifest *const *manifests, size_t count,
					 size_t *ret_count);

#endif
