/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All pools together: which are in use, what of them is free, and for whom. */
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

/* All zero is none. */
struct stocks {
	struct stock *list; /* in the documented order */
	struct stock **by_priority;
	size_t count;
	struct interval_set free;     /* of the pools in use, what nobody has */
	struct address_list reserved; /* nodes' own, ascending */
};

void stocks_free(struct stocks *stocks);

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

/* Replaces the pools, kept by reference, or what is reserved, copied; nobody has anything of them
 * yet. */
void stocks_set(struct stocks *stocks, struct pool *const *pools, size_t count);
void stocks_set_reserved(struct stocks *stocks, const struct address_list *reserved);

/* Somebody has @address now, who may have got it from anywhere; nobody has it any more. */
void stocks_mark_used(struct stocks *stocks, const struct address *address);
void stocks_mark_free(struct stocks *stocks, const struct address *address);

/* Is there a pool, in use or not, that selects @service and has @address? */
bool stocks_select(const struct stocks *stocks, const struct service *service,
		   const struct address *address);

/* What the pools in use, of which one at most has @address, say to giving it to @service. */
enum offer {
	OFFER_NONE,
	OFFER_MISMATCH,
	OFFER_RESERVED,
	OFFER_NODE, /* a node has it as its own */
	OFFER_GOOD,
};

enum offer stocks_offer(const struct stocks *stocks, const struct service *service,
			const struct address *address);

/* The lowest free address of the first block for @service that has one. False where there is none;
 * *ret_full is then the first pool that has such blocks; NULL: there is none. */
bool stocks_find_free(const struct stocks *stocks, const struct service *service, bool v4,
		      struct address *ret_address, const struct pool **ret_full);

/* The first pool that gives nothing, or nothing without being named, and selects @service and has
 * @address, or (NULL) a block of the family: its name, and why in *ret_why; NULL: there is none. */
const char *stocks_unused(const struct stocks *stocks, const struct service *service,
			  const struct address *address, bool v4, const char **ret_why);

/* The first pool in use that has a block of the family, and doesn't select @service; NULL: there is
 * none. */
const struct pool *stocks_not_selecting(const struct stocks *stocks, const struct service *service,
					bool v4);

/* Of pool @at in the documented order; false behind the last one. */
bool stocks_status(const struct stocks *stocks, size_t at, struct pool_status *ret_status);

#endif
