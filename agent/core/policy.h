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
#include "manifest.h"

/* An address on an interface. */
struct selected {
	struct address address;
	uint32_t ifindex;
	const struct service *service; /* one that has it, of the manifests */
	enum conflict_answer conflict; /* the strictest of the policies that select it */
};

/* For qsort() and bsearch(): by address, then interface. */
int selected_compare(const void *a, const void *b);

/* Sorted by selected_compare(); each pair once. */
struct selection {
	bool partial; /* more interfaces may be selected, which it takes another turn to know */
	struct selected *list;
	size_t count;
};

void selection_free(struct selection *selection);

/*
 * Applies the policies of @manifests, a later of two objects with one name standing for both, to
 * this node, called @node, and to the suitable ones of @links, with carrier or without. @class:
 * Services of that loadBalancerClass, and those without one, can be selected. The result points
 * into @manifests. -ENOMEM with @err.
 */
int policy_select(const struct manifest *const *manifests, size_t count, const char *node,
		  const char *class, const struct link_table *links,
		  struct selection *ret_selection, struct err *err);

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
