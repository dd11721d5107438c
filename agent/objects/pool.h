/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CiliumLoadBalancerIPPool, the same in cilium.io/v2 and v2alpha1: addresses, and a selector of
 * Services that may get them. */
#ifndef XDP_L2RESPD_POOL_H
#define XDP_L2RESPD_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "addr.h"
#include "err.h"
#include "field.h"
#include "selector.h"

struct pool_block {
	struct addr_range range;
	struct addr_range usable; /* without the first and the last, if these are reserved */
};

/* Constant once made, and refcounted: see pool_ref(). */
struct pool {
	unsigned int references;
	char *name;
	char *created; /* metadata.creationTimestamp; "": none */
	struct selector services;
	struct pool_block *blocks;
	size_t count;
	bool disabled;
	bool named_only; /* annotation auto-assign "false": a Service must name it or its address */
	uint32_t priority; /* annotation: lower comes first; UINT32_MAX: none */
};

/* Parses the pool @object called @name. -EINVAL with @err. The caller unrefs *@ret_pool. */
int pool_parse(const struct place *place, const json_t *object, const char *name,
	       struct pool **ret_pool, struct err *err);

struct pool *pool_ref(struct pool *pool);
void pool_unref(struct pool *pool);

/* Annotation of a Service: the name of the pool for its addresses. */
#define POOL_ANNOTATION "xdp-l2resp.io/pool"

/* The documented order: oldest first, then by name. */
int pool_compare(const struct pool *a, const struct pool *b);

/* The block of @pool that has @address, or NULL. */
const struct pool_block *pool_find(const struct pool *pool, const struct address *address);

/* Number of usable addresses of @pool; overlapping blocks count more than once. */
unsigned __int128 pool_size(const struct pool *pool);

/*
 * Does a block of @pool overlap one of @other, which may be @pool itself? If true, returns both
 * blocks; @pool, the younger of the two, is then in conflict.
 */
bool pool_overlaps(const struct pool *pool, const struct pool *other,
		   const struct pool_block **ret_block, const struct pool_block **ret_other);

#endif
