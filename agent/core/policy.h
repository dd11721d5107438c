/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which addresses this node may announce, and on which interfaces: Cilium 1.16's semantics of
 * CiliumL2AnnouncementPolicy, over both address families. */
#ifndef XDP_L2RESPD_POLICY_H
#define XDP_L2RESPD_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "err.h"
#include "links.h"
#include "locality.h"
#include "manifest.h"

/* An address on an interface. */
struct selected {
	struct address address;
	uint32_t ifindex;
	const struct service *service; /* one that has it, of the manifests */
	enum conflict_answer conflict; /* the strictest of the policies that select it */
	enum locality locality;	       /* of the service that decides it */
};

/* For qsort() and bsearch(): by address, then interface. */
int selected_compare(const void *a, const void *b);

/* Sorted by selected_compare(); each pair once. */
struct selection {
	struct selected *list;
	size_t count;
	enum node_exclusion exclusion; /* of this node: it may announce nothing */
};

void selection_free(struct selection *selection);

/* This node, to policies. */
struct policy_node {
	const char *name;
	const char *class;     /* of Services that can be selected, as can those without one */
	bool ignore_exclusion; /* as node_exclusion() */
};

/*
 * Applies the policies of @manifests, a later of two objects with one name standing for both, to
 * this node, and to the suitable ones of @links, with carrier or without. What the node may not
 * announce for want of an endpoint, or because it is excluded, is selected too. The result points
 * into @manifests. -ENOMEM with @err.
 */
int policy_select(const struct manifest *const *manifests, size_t count,
		  const struct policy_node *node, const struct link_table *links,
		  struct selection *ret_selection, struct err *err);

/* Why this node may not announce what @selection has with @locality, whatever its interfaces are:
 * "has no ready endpoint ...". NULL: it may. */
const char *policy_forbids(const struct selection *selection, enum locality locality);

/*
 * Calls @found for each policy of @manifests that is in force on this node (NULL: on any) and
 * selects
 * @service, in their order. Which of its addresses a policy announces, it says itself. -ENOMEM with
 * @err.
 */
typedef void policy_found_fn(const struct policy *policy, void *userdata);
int policy_of_service(const struct manifest *const *manifests, size_t count, const char *node,
		      const char *class, const struct service *service, policy_found_fn *found,
		      void *userdata, struct err *err);

#endif
