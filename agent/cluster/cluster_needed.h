/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which Services need EndpointSlices, and the request that asks for those. */
#ifndef XDP_L2RESPD_CLUSTER_NEEDED_H
#define XDP_L2RESPD_CLUSTER_NEEDED_H

#include "source_items.h"

/* NAMESPACE/NAME of Services, in ascending order. Zeroed: empty. */
struct cluster_needed {
	char **list;
	size_t count, capacity;
};

void cluster_needed_free(struct cluster_needed *needed);

/* Adds those of @class in @items that a policy selects on @node. With another externalTrafficPolicy
 * or without a selector they don't need slices: any node may announce them. */
void cluster_needed_find(const struct source_items *items, const char *node,
			 const struct service_class *class, struct cluster_needed *ret_needed);

bool cluster_needed_has(const struct cluster_needed *needed, const char *name);
bool cluster_needed_equal(const struct cluster_needed *a, const struct cluster_needed *b);

/* The path to list and watch the slices of @needed. */
char *cluster_needed_path(const struct cluster_needed *needed);
/* Does a list of @path have the slices of the Service @name? */
bool cluster_needed_path_has(const char *path, const char *name);

#endif
