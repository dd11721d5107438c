/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Kubernetes objects that policies are made of, out of YAML documents or an API server's JSON:
 * what matters of them here, checked.
 */
#ifndef XDP_L2RESPD_MANIFEST_H
#define XDP_L2RESPD_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>

#include "announce_options.h"
#include "endpoint_slice.h"
#include "err.h"
#include "field.h"
#include "node.h"
#include "pattern.h"
#include "pool.h"
#include "selector.h"
#include "service.h"

/* cilium.io/v2alpha1 CiliumL2AnnouncementPolicy. */
struct policy {
	char *name;
	struct selector services;
	struct selector nodes;
	struct pattern_list interfaces; /* none: all suitable devices */
	bool external_ips;
	bool load_balancer_ips;
	struct announce_options announce;
};

/* What one file, or the API server, has. */
struct manifest {
	const char *node; /* this one, for endpoints; borrowed */
	struct service **services;
	size_t service_count, service_capacity;
	struct node *nodes;
	size_t node_count, node_capacity;
	struct policy *policies;
	size_t policy_count, policy_capacity;
	struct pool **pools;
	size_t pool_count, pool_capacity;
	struct endpoint_slice *slices;
	size_t slice_count, slice_capacity;
};

/* Safe on a zeroed one. */
void manifest_free(struct manifest *manifest);

static inline bool manifest_says_something(const struct manifest *manifest)
{
	return manifest->service_count || manifest->policy_count || manifest->node_count ||
	       manifest->pool_count || manifest->slice_count;
}

/*
 * Adds @object, or each of its items if it is a List, to @manifest. Kinds that aren't known, and
 * aren't similar to one that is, are noted and skipped, as are addresses that can't be announced:
 * Cilium skips those too. -EINVAL with
 * @err, "FILE:LINE: what", for an object that is wrong; @manifest may then hold part of a List.
 */
int manifest_add(struct manifest *manifest, const struct place *place, const json_t *object,
		 object_note_fn *note, void *data, struct err *err);

#endif
