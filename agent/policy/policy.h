/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Selects the addresses that this node may announce, and their interfaces, with the semantics of
 * Cilium 1.16's CiliumL2AnnouncementPolicy, for both address families. */
#ifndef XDP_L2RESPD_POLICY_H
#define XDP_L2RESPD_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "lease.h"
#include "links.h"
#include "locality.h"
#include "manifest.h"
#include "reason.h"

/* The objects that policies are applied to. Borrowed. Of objects with the same name, the last
 * counts.
 */
struct policy_input {
	const struct manifest *const *manifests;
	size_t count;
	const char *node;		 /* this node; NULL: any node, with unknown interfaces */
	struct service_class class;	 /* of the Services that this agent serves */
	const struct links_table *links; /* suitable ones are used, with or without carrier */
	bool ignore_exclusion;		 /* as node_exclusion() */
};

/* How an address is announced: options of its Service, or else of the policy that selects it. */
struct announce_terms {
	enum conflict_answer conflict;
	enum mac_choice mac;
	struct preferred_group group;
};

/* Merges @other's terms for the same address into @to: strictest conflict answer, virtual MAC if
 * either has it, preferred group with the greater id, so that all nodes agree. */
void announce_terms_merge(struct announce_terms *to, const struct announce_terms *other);

/* An address on an interface. */
struct selected {
	struct address address;
	uint32_t ifindex;
	const struct service *service; /* one Service that has it, in the manifests */
	struct announce_terms terms;
	enum locality locality; /* the highest of its Services' */
};

/* For qsort() and bsearch(): by address, then interface. */
int selected_compare(const void *a, const void *b);

/* A Service's address that no policy lets this node announce. */
struct unselected {
	struct address address;
	enum reason reason;
};

/* @list is sorted by selected_compare(), @others by address, both without duplicates. */
struct selection {
	enum node_exclusion exclusion; /* of this node: it may announce nothing */
	bool partial; /* matching patterns ran out of time: select again for more interfaces */
	struct selected *list;
	size_t count;
	struct unselected *others;
	size_t other_count;
};

void selection_free(struct selection *selection);

/* Applies the policies to the Services. Also selects addresses that the node may not announce
 * because it has no endpoint or is excluded. The result points into the manifests. */
struct selection policy_select(const struct policy_input *input);

/* Why this node may not announce addresses of @selection that have @locality, on any interface. */
enum reason policy_forbids(const struct selection *selection, enum locality locality);

/* Appends details to @why, if its reason is one of policy_forbids(). @node: this node's name. */
void policy_forbids_add(struct why *why, enum locality locality, const char *node);

/* The addresses of all Services, sorted once for many calls of policy_index_why(). */
struct policy_index;

/* Points into @input's objects. policy_index_of(): only of @services. policy_index_at(): only of
 * those with one of @addresses, which it sorts: far faster if they are few. */
struct policy_index *policy_index_new(const struct policy_input *input);
struct policy_index *policy_index_of(const struct policy_input *input,
				     const struct service *const *services, size_t count);
struct policy_index *policy_index_at(const struct policy_input *input,
				     struct address_list *addresses);
/* NULL is fine. */
void policy_index_free(struct policy_index *index);

/* Calls @found, in the policies' order, for each policy that selects this node and @service. The
 * policy may still announce only some of the addresses. */
typedef void policy_found_fn(const struct policy *policy, void *userdata);
void policy_index_of_service(const struct policy_index *index, const struct service *service,
			     policy_found_fn *found, void *userdata);

/* Why no policy lets this node announce @address of @service, or, if that is NULL, of any Service.
 */
void policy_index_why(const struct policy_index *index, const struct address *address,
		      const struct service *service, struct why *ret_why);

/* Calls @useless for each policy that selects no address on this node, with the reason why it
 * doesn't select the Service that passed the most checks. */
typedef void policy_useless_fn(const struct policy *policy, const struct why *why, void *userdata);
void policy_survey(const struct policy_input *input, policy_useless_fn *useless, void *userdata);

#endif
