/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decides which addresses of which pools Services get. Does no input or output: the caller sets
 * pools and Services, asks for verdicts, writes these (into statuses or a file), and sets the
 * Services again with what is written. docs/pools.md has the rules and the order.
 *
 * All state is in what is written: a new allocator continues from it, even if the previous one's
 * last decisions weren't written. An address that is taken back stays reserved until the caller
 * says that it is no longer written.
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

/* @class, borrowed: the class of LoadBalancer Services that get addresses. */
struct allocator *allocator_new(const struct service_class *class);

void allocator_free(struct allocator *allocator);

/*
 * Sets all pools, kept by reference. Without any pool, Services without an address from a pool get
 * no verdict: another program may serve them.
 */
void allocator_set_pools(struct allocator *allocator, struct pool *const *pools, size_t count);

/* Sets the nodes' own addresses, ascending and copied: they aren't assigned, but a Service that has
 * one already keeps it. */
void allocator_set_reserved(struct allocator *allocator, const struct address_list *reserved);

/* Sets a new, changed, or written Service, kept by reference. The addresses, copied, are all that
 * may be written for it: those that are, and those of a verdict that is being written. */
void allocator_set_service(struct allocator *allocator, struct service *service,
			   const struct address_list *written);

/* Removes the Service of @service's name, if it exists. */
void allocator_remove_service(struct allocator *allocator, const struct service *service);

/* After all existing Services have been set: removes those not set since the last sweep. */
void allocator_sweep(struct allocator *allocator);

/* Does @service get addresses from here, by its type and class? */
bool allocator_ours(const struct allocator *allocator, const struct service *service);

/*
 * Continues the decision by so many @steps, of some microseconds each, so that the caller can do
 * something else in between. Returns whether it is finished, for allocator_settle() to return.
 * From the first step until then there is no verdict, the pools' status is that of the decision
 * before, and nothing may be set or removed.
 */
bool allocator_decide(struct allocator *allocator, size_t steps);

/*
 * Updates the decision; all pools and Services must be known. Returns the verdicts of Services set
 * since the last call, and of those whose verdict has changed; valid until the next call of any of
 * these functions. Their addresses count as written until the caller sets the Service again, once
 * it knows whether they are.
 */
const struct verdict *const *allocator_settle(struct allocator *allocator, size_t *ret_count);

/* The last verdict for the Service of @service's name; NULL: there is none, or a decision is under
 * way. */
const struct verdict *allocator_verdict(const struct allocator *allocator,
					const struct service *service);

/* Status of pool @at in the documented order, from the last decision; false: no more pools. */
bool allocator_pool_status(const struct allocator *allocator, size_t at,
			   struct pool_status *ret_status);

#endif
