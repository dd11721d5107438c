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

#include "address_list.h"
#include "claim.h"
#include "pool.h"

/* The condition of a Service, and those of a pool. */
#define CONDITION_SATISFIED "cilium.io/IPAMRequestSatisfied"
#define CONDITION_CONFLICT  "cilium.io/PoolConflict"
#define CONDITION_TOTAL	    "cilium.io/IPsTotal"
#define CONDITION_AVAILABLE "cilium.io/IPsAvailable"
#define CONDITION_USED	    "cilium.io/IPsUsed"

struct allocator;

/* What is decided for a Service. */
struct verdict {
	const struct claim *claim;
	/* false: it is none of ours (any more): no address, and no condition */
	bool ours;
	struct address_list addresses;
	/* CONDITION_SATISFIED: true with "satisfied" and "", or false with a reason and a message
	 */
	bool satisfied;
	const char *reason;
	char *message;
	bool changed; /* is something of this another than when it was last told? */
};

/* Of a pool: CONDITION_CONFLICT with its message ("" if false), and its counts, which may be larger
 * than 64 bits. */
struct pool_status {
	const struct pool *pool;
	bool conflict;
	const char *message;
	unsigned __int128 total;
	unsigned __int128 available;
	uint64_t used;
};

/*
 * @classes, NULL-terminated and borrowed: Services of these loadBalancerClasses are ours, and
 * those without one. NULL: out of memory.
 */
struct allocator *allocator_new(const char *const *classes);

void allocator_free(struct allocator *allocator);

/*
 * All pools that there are now; kept by reference. Without any, what has no address from here is
 * left alone: Services may be somebody else's. -ENOMEM; after it, as after one of the following,
 * only allocator_free() may be called.
 */
int allocator_set_pools(struct allocator *allocator, struct pool *const *pools, size_t count);

/* A Service that is new, changed, or written: its claim, kept by reference, and all addresses that
 * may be written for it, copied: those that are, and those of a verdict whose writing is under way.
 * -ENOMEM. */
int allocator_set_service(struct allocator *allocator, struct claim *claim,
			  const struct address_list *written);

/* A Service that is gone, if it was there. -ENOMEM. */
int allocator_remove_service(struct allocator *allocator, const char *namespace, const char *name);

/* Removes those that weren't set since the last sweep, for who lists all there are. -ENOMEM. */
int allocator_sweep(struct allocator *allocator);

/* Is a Service with @claim ours, by its type and class? */
bool allocator_ours(const struct allocator *allocator, const struct claim *claim);

/*
 * Decides, once all pools and Services are known, all that may be decided otherwise since the last
 * time. *ret_verdicts has the Services that were set since then, and those with another verdict;
 * valid until the next call of any of these functions. Their addresses count as written until the
 * Service is set again, which follows when it is known whether they are. -ENOMEM.
 */
int allocator_settle(struct allocator *allocator, const struct verdict *const **ret_verdicts,
		     size_t *ret_count);

/* What was last decided for the Service of @claim's name; NULL: there is none. */
const struct verdict *allocator_verdict(const struct allocator *allocator,
					const struct claim *claim);

/* Pool @at in the documented order, as it was last decided; false behind the last one. */
bool allocator_pool_status(const struct allocator *allocator, size_t at,
			   struct pool_status *ret_status);

#endif
