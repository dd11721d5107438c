/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which Service gets which addresses of which pool: a decision without input and output. Whoever
 * uses it tells it of pools and Services, asks for what is decided, writes that down (into statuses
 * or a file), and tells it what is written. docs/pools.md has the rules and the order.
 *
 * What is written is all the memory there is: an allocator that is made anew from it goes on where
 * the last one ended, whatever of its decisions had not been written yet. An address that is taken
 * back stays reserved until it is told that it isn't written any more.
 */
#ifndef XDP_L2RESPD_ALLOCATOR_H
#define XDP_L2RESPD_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pool.h"
#include "service.h"
#include "stock.h"
#include "verdict.h"

struct allocator;

/* @class, borrowed: Services of type LoadBalancer that it says are ours. */
struct allocator *allocator_new(const struct service_class *class);

void allocator_free(struct allocator *allocator);

/*
 * All pools that there are now; kept by reference. Without any, what has no address from here is
 * left alone: Services may be somebody else's.
 */
void allocator_set_pools(struct allocator *allocator, struct pool *const *pools, size_t count);

/* Nodes have @reserved, ascending and copied, as their own: they aren't given, but whoever has one
 * already keeps it. */
void allocator_set_reserved(struct allocator *allocator, const struct address_list *reserved);

/* A Service that is new, changed, or written, kept by reference, and all addresses that may be
 * written for it, copied: those that are, and those of a verdict whose writing is under way. */
void allocator_set_service(struct allocator *allocator, struct service *service,
			   const struct address_list *written);

/* The Service of @service's name is gone, if it was there. */
void allocator_remove_service(struct allocator *allocator, const struct service *service);

/* Removes those that weren't set since the last sweep, after all there are were set. */
void allocator_sweep(struct allocator *allocator);

/* Is @service ours, by its type and class? */
bool allocator_ours(const struct allocator *allocator, const struct service *service);

/*
 * Decides, once all pools and Services are known, all that may be decided otherwise since the last
 * time. Returns the verdicts of the Services that were set since then, and of those with another
 * verdict; valid until the next call of any of these functions. Their addresses count as written
 * until the Service is set again, which follows when it is known whether they are.
 */
const struct verdict *const *allocator_settle(struct allocator *allocator, size_t *ret_count);

/* What was last decided for the Service of @service's name; NULL: there is none. */
const struct verdict *allocator_verdict(const struct allocator *allocator,
					const struct service *service);

/* Pool @at in the documented order, as it was last decided; false behind the last one. */
bool allocator_pool_status(const struct allocator *allocator, size_t at,
			   struct pool_status *ret_status);

#endif
