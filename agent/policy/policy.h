/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which addresses this node may announce, and on which interfaces: Cilium 1.16's semantics of
 * CiliumL2AnnouncementPolicy, over both address families. */
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

/* What policies are applied to. Borrowed. A later of two objects with one name stands for both. */
struct policy_input {
	const struct manifest *const *manifests;
	size_t count;
	const char *node;		/* this one; NULL: any node, whose devices aren't known */
	struct service_class class;	/* of the Services that are ours */
	const struct link_table *links; /* the suitable ones are used, with carrier or without */
	bool ignore_exclusion;		/* as node_exclusion() */
};

/* How an address is announced: what its Service says, or else the policy that selects it. */
struct announce_terms {
	enum conflict_answer conflict;
	enum mac_choice mac;
	struct preferred_group group;
};

/* Others say @other of the same address: the strictest answer, the virtual MAC, and the group of
 * the greater id, which is the same one on every node, count. */
void announce_terms_merge(struct announce_terms *to, const struct announce_terms *other);

/* An address on an interface. */
struct selected {
	struct address address;
	uint32_t ifindex;
	const struct service *service; /* one that has it, of the manifests */
	struct announce_terms terms;
	enum locality locality; /* of the Service that decides it */
};

/* For qsort() and bsearch(): by address, then interface. */
int selected_compare(const void *a, const void *b);

/* A Service's address that no policy lets this node announce. */
struct unselected {
	struct address address;
	enum reason reason;
};

/* Each sorted, by selected_compare() and by address, and nothing twice. */
struct selection {
	enum node_exclusion exclusion; /* of this node: it may announce nothing */
	bool partial; /* more interfaces may be selected, which it takes another turn to know */
	struct selected *list;
	size_t count;
	struct unselected *others;
	size_t other_count;
};

void selection_free(struct selection *selection);

/* Applies the policies to the Services. What the node may not announce for want of an endpoint, or
 * because it is excluded, is selected too. The result points into the manifests. */
struct selection policy_select(const struct policy_input *input);

/* Why this node may not announce what @selection has with @locality, whatever its interfaces are.
 */
enum reason policy_forbids(const struct selection *selection, enum locality locality);

/* Appends to @why, of such a reason, what is known besides; @node: this one. */
void policy_forbids_add(struct why *why, enum locality locality, const char *node);

/* The addresses of all Services, sorted once for whoever asks about many of them. */
struct policy_index;

/* Points into what @input has. policy_index_of(): of these Services alone. */
struct policy_index *policy_index_new(const struct policy_input *input);
struct policy_index *policy_index_of(const struct policy_input *input,
				     const struct service *const *services, size_t count);
/* NULL is fine. */
void policy_index_free(struct policy_index *index);

/* Why no policy lets this node announce @address of @service; of any Service that has it, if
 * NULL. */
void policy_index_why(const struct policy_index *index, const struct address *address,
		      const struct service *service, struct why *ret_why);

/* Calls @useless for each policy that selects no address on this node, with why it doesn't select
 * the Service that came furthest. */
typedef void policy_useless_fn(const struct policy *policy, const struct why *why, void *userdata);
void policy_survey(const struct policy_input *input, policy_useless_fn *useless, void *userdata);

/* Calls @found for each policy that is in force on the node and selects @service, in their order.
 * Which of its addresses a policy announces, it says itself. */
typedef void policy_found_fn(const struct policy *policy, void *userdata);
void policy_of_service(const struct policy_input *input, const struct service *service,
		       policy_found_fn *found, void *userdata);

#endif
