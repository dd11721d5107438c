/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CiliumLoadBalancerIPPool, alike in cilium.io/v2 and v2alpha1: addresses, and the Services that
 * may have them. */
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
	struct addr_range usable; /* without the first and the last, where these are reserved */
};

/* Set once, then shared: see pool_ref(). */
struct pool {
	unsigned int references;
	char *name;
	char *created; /* metadata.creationTimestamp; "" where there is none */
	struct selector services;
	struct pool_block *blocks;
	size_t count;
	bool disabled;
	bool named_only; /* annotation auto-assign "false": only for who names it, or its address */
	uint32_t priority; /* annotation: the lesser first; UINT32_MAX: none */
};

/* The pool called @name out of @object. -EINVAL with @err. The caller unrefs *ret_pool. */
int pool_parse(const struct place *place, const json_t *object, const char *name,
	       struct pool **ret_pool, struct err *err);

struct pool *pool_ref(struct pool *pool);
void pool_unref(struct pool *pool);

/* Annotation of a Service: the name of the pool that it has its addresses from. */
#define POOL_ANNOTATION "xdp-l2resp.io/pool"

/* The documented order: the older first, then by name. */
int pool_compare(const struct pool *a, const struct pool *b);

/* Does @pool have @address in a block; the block, or NULL. */
const struct pool_block *pool_find(const struct pool *pool, const struct address *address);

/* How many addresses @pool can give; where blocks overlap, these more than once. */
unsigned __int128 pool_size(const struct pool *pool);

/*
 * Does a block of @pool overlap one of @other, which may be @pool itself? true with both. Then
 * @pool, the younger of two, is in conflict.
 */
bool pool_overlaps(const struct pool *pool, const struct pool *other,
		   const struct pool_block **ret_block, const struct pool_block **ret_other);

#endif
