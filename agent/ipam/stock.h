/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All pools together: which are in use, and their free addresses. */
#ifndef XDP_L2RESPD_STOCK_H
#define XDP_L2RESPD_STOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address_list.h"
#include "interval.h"
#include "pool.h"
#include "service.h"

struct stock;

/* Zeroed: no pools. */
struct stocks {
	struct stock *list; /* in the documented order */
	struct stock **by_priority;
	size_t count;
	struct interval_set free;     /* unused addresses of the pools in use */
	struct address_list reserved; /* the nodes' own, ascending */
};

void stocks_free(struct stocks *stocks);

/* A pool's CONDITION_CONFLICT with its message ("" if false), and its counts, which may exceed 64
 * bits. */
struct pool_status {
	const struct pool *pool;
	bool conflict;
	const char *message;
	unsigned __int128 total;
	unsigned __int128 available;
	uint64_t used;
};

/* Replaces the pools, kept by reference, or the reserved addresses, copied. No address counts as
 * used after it. */
void stocks_set(struct stocks *stocks, struct pool *const *pools, size_t count);
void stocks_set_reserved(struct stocks *stocks, const struct address_list *reserved);

/* @address, which may be of no pool, is in use from now on; or no longer. */
void stocks_mark_used(struct stocks *stocks, const struct address *address);
void stocks_mark_free(struct stocks *stocks, const struct address *address);

/* Does a pool, in use or not, select @service and have @address? */
bool stocks_select(const struct stocks *stocks, const struct service *service,
		   const struct address *address);

/* May @service get @address from the pools in use, of which at most one has it? */
enum offer {
	OFFER_NONE,
	OFFER_MISMATCH,
	OFFER_RESERVED,
	OFFER_NODE, /* it is a node's own */
	OFFER_GOOD,
};

enum offer stocks_offer(const struct stocks *stocks, const struct service *service,
			const struct address *address);

/* The lowest free address of the first block for @service that has one. False: there is none;
 * *@ret_full is then the first pool with such a block, or NULL. */
bool stocks_find_free(const struct stocks *stocks, const struct service *service, bool v4,
		      struct address *ret_address, const struct pool **ret_full);

/* The name of the first pool that selects @service and has @address or, if that is NULL, a block of
 * the family, but isn't in use or must be named; *@ret_why says which. NULL: there is none. */
const char *stocks_unused(const struct stocks *stocks, const struct service *service,
			  const struct address *address, bool v4, const char **ret_why);

/* The first pool in use with a block of the family that doesn't select @service; NULL: there is
 * none. */
const struct pool *stocks_not_selecting(const struct stocks *stocks, const struct service *service,
					bool v4);

/* Status of pool @at in the documented order; false: no more pools. */
bool stocks_status(const struct stocks *stocks, size_t at, struct pool_status *ret_status);

#endif
