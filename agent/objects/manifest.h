/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parses and checks the Kubernetes objects that policies need, from YAML documents or an API
 * server's JSON.
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
	struct pattern_list interfaces; /* none: all suitable interfaces */
	bool external_ips;
	bool load_balancer_ips;
	struct announce_options announce;
};

/* The objects of one file, or one object of an API server. */
struct manifest {
	const char *node; /* this node, for endpoints; borrowed */
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

static inline bool manifest_has_objects(const struct manifest *manifest)
{
	return manifest->service_count || manifest->policy_count || manifest->node_count ||
	       manifest->pool_count || manifest->slice_count;
}

/*
 * Adds @object, or each of its items if it is a List, to @manifest. Notes and skips unknown kinds
 * whose name isn't similar to a known one, and, as Cilium, addresses that can't be announced.
 * -EINVAL with @err, "FILE:LINE: message": an object is invalid; @manifest may then have part of a
 * List.
 */
int manifest_add(struct manifest *manifest, const struct place *place, const json_t *object,
		 object_note_fn *note, void *data, struct err *err);

/* The items of a List, borrowed, so that each can be added by itself. NULL: @object is no List, or
 * an invalid one. */
json_t *manifest_items(const json_t *object);

#endif
