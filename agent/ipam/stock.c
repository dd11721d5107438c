// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"
#include "cleanup.h"
#include "stock.h"

/* Of all pools together, for the same reason as in each. */
#define BLOCKS_MAX 5000

/* A pool, its conflict with other pools, and its counts. */
struct stock {
	struct pool *pool;
	char *conflict; /* the condition's message; NULL: none */
	uint64_t used;
	uint64_t nodes;		/* usable addresses that are nodes' own */
	uint64_t used_reserved; /* used addresses that couldn't be assigned now */
};

static void stocks_clear(struct stocks *stocks)
{
	for (size_t i = 0; i < stocks->count; i++) {
		pool_unref(stocks->list[i].pool);
		free(stocks->list[i].conflict);
	}
	free(stocks->list);
	free(stocks->by_priority);
	interval_set_free(&stocks->free);
	*stocks = (struct stocks){ .reserved = stocks->reserved };
}

void stocks_free(struct stocks *stocks)
{
	stocks_clear(stocks);
	address_list_free(&stocks->reserved);
}

static bool in_use(const struct stock *stock)
{
	return !stock->conflict && !stock->pool->disabled;
}

static int compare(const void *a, const void *b)
{
	return pool_compare(((const struct stock *)a)->pool, ((const struct stock *)b)->pool);
}

/* By priority, then in the documented order, in which they are stored. */
static int compare_priorities(const void *a, const void *b)
{
	const struct stock *left = *(struct stock *const *)a, *right = *(struct stock *const *)b;

	if (left->pool->priority != right->pool->priority)
		return left->pool->priority < right->pool->priority ? -1 : 1;
	return left < right ? -1 : left > right;
}

/* A pool whose blocks overlap each other, or an older pool without a conflict, isn't used; nor is
 * one that has, with the older ones, too many @blocks. */
static void find_conflict(struct stocks *stocks, size_t at, size_t blocks)
{
	struct stock *stock = &stocks->list[at];
	const struct pool_block *block, *other;
	char text[4][INET6_ADDRSTRLEN];

	if (blocks > BLOCKS_MAX) {
		stock->conflict =
			xasprintf("it and the older pools have more than %d blocks", BLOCKS_MAX);
		return;
	}

	for (size_t i = 0; i <= at; i++) {
		const struct stock *older = &stocks->list[i];

		if (older->conflict || !pool_overlaps(stock->pool, older->pool, &block, &other))
			continue;
		address_format(&block->range.first, text[0]);
		address_format(&block->range.last, text[1]);
		address_format(&other->range.first, text[2]);
		address_format(&other->range.last, text[3]);
		stock->conflict = xasprintf("Pool conflicts since range '%s - %s' overlaps range "
					    "'%s - %s' from IP Pool '%s'",
					    text[0], text[1], text[2], text[3], older->pool->name);
		return;
	}
}

static void reserve_address(struct stocks *stocks, const struct address *address)
{
	const struct addr_range one = { *address, *address };

	for (size_t i = 0; i < stocks->count; i++) {
		const struct pool_block *block = pool_find(stocks->list[i].pool, address);

		stocks->list[i].nodes += block && range_has(&block->usable, address);
	}
	interval_set_remove(&stocks->free, &one);
}

void stocks_set(struct stocks *stocks, struct pool *const *pools, size_t count)
{
	struct stock *list = xcalloc(count, sizeof(*list));

	for (size_t i = 0; i < count; i++)
		list[i].pool = pool_ref(pools[i]);
	stocks_clear(stocks);
	qsort(list, count, sizeof(*list), compare);
	stocks->list = list;
	stocks->by_priority = xcalloc(count, sizeof(*stocks->by_priority));
	stocks->count = count;
	for (size_t i = 0; i < count; i++)
		stocks->by_priority[i] = &list[i];
	qsort(stocks->by_priority, count, sizeof(struct stock *), compare_priorities);
	for (size_t i = 0, blocks = 0; i < count; i++) {
		find_conflict(stocks, i, blocks += list[i].pool->count);
		for (size_t j = 0; in_use(&list[i]) && j < list[i].pool->count; j++)
			interval_set_add(&stocks->free, &list[i].pool->blocks[j].usable);
	}
	for (size_t i = 0; i < stocks->reserved.count; i++)
		reserve_address(stocks, &stocks->reserved.list[i]);
}

void stocks_set_reserved(struct stocks *stocks, const struct address_list *reserved)
{
	_cleanup_free_ struct pool **pools = xcalloc(stocks->count + 1, sizeof(struct pool *));

	for (size_t i = 0; i < stocks->count; i++)
		pools[i] = stocks->list[i].pool;
	address_list_free(&stocks->reserved);
	address_list_add_all(&stocks->reserved, reserved);
	stocks_set(stocks, pools, stocks->count);
}

/* Adds @change to the use of @address. Returns whether the address is free now. */
static bool count_use(struct stocks *stocks, const struct address *address, int change)
{
	bool usable = false, reserved = address_list_find(&stocks->reserved, address);

	for (size_t i = 0; i < stocks->count; i++) {
		struct stock *stock = &stocks->list[i];
		const struct pool_block *block = pool_find(stock->pool, address);

		if (!block)
			continue;
		stock->used += change;
		if (reserved || !range_has(&block->usable, address))
			stock->used_reserved += change;
		else
			usable |= in_use(stock);
	}
	return usable;
}

void stocks_mark_used(struct stocks *stocks, const struct address *address)
{
	const struct addr_range one = { *address, *address };

	count_use(stocks, address, 1);
	interval_set_remove(&stocks->free, &one);
}

void stocks_mark_free(struct stocks *stocks, const struct address *address)
{
	const struct addr_range one = { *address, *address };

	if (count_use(stocks, address, -1))
		interval_set_add(&stocks->free, &one);
}

/* Does @pool select @service, and doesn't @service name another pool? */
static bool serves(const struct pool *pool, const struct service *service)
{
	return (!service->pool || !strcmp(service->pool, pool->name)) &&
	       selector_matches(&pool->services, &service->labels);
}

bool stocks_select(const struct stocks *stocks, const struct service *service,
		   const struct address *address)
{
	for (size_t i = 0; i < stocks->count; i++)
		if (pool_find(stocks->list[i].pool, address) &&
		    serves(stocks->list[i].pool, service))
			return true;
	return false;
}

enum offer stocks_offer(const struct stocks *stocks, const struct service *service,
			const struct address *address)
{
	for (size_t i = 0; i < stocks->count; i++) {
		const struct stock *stock = &stocks->list[i];
		const struct pool_block *block = pool_find(stock->pool, address);

		if (!block || !in_use(stock))
			continue;
		if (!serves(stock->pool, service))
			return OFFER_MISMATCH;
		if (address_list_find(&stocks->reserved, address))
			return OFFER_NODE;
		return range_has(&block->usable, address) ? OFFER_GOOD : OFFER_RESERVED;
	}
	return OFFER_NONE;
}

/* May @service get an address of @stock without naming it? */
static bool serves_unnamed(const struct stock *stock, const struct service *service)
{
	return in_use(stock) && (!stock->pool->named_only || service->pool) &&
	       serves(stock->pool, service);
}

bool stocks_find_free(const struct stocks *stocks, const struct service *service, bool v4,
		      struct address *ret_address, const struct pool **ret_full)
{
	*ret_full = NULL;
	for (size_t i = 0; i < stocks->count; i++) {
		const struct stock *stock = stocks->by_priority[i];

		if (!serves_unnamed(stock, service))
			continue;
		for (size_t j = 0; j < stock->pool->count; j++) {
			const struct addr_range *usable = &stock->pool->blocks[j].usable;

			if (address_is_v4(&usable->first) != v4)
				continue;
			if (interval_set_lowest(&stocks->free, usable, ret_address))
				return true;
			*ret_full = *ret_full ?: stock->pool;
		}
	}
	return false;
}

/* Does @pool have @address or, if that is NULL, a block of the family? */
static bool has_any(const struct pool *pool, const struct address *address, bool v4)
{
	if (address)
		return pool_find(pool, address);
	for (size_t i = 0; i < pool->count; i++)
		if (address_is_v4(&pool->blocks[i].range.first) == v4)
			return true;
	return false;
}

const char *stocks_unused(const struct stocks *stocks, const struct service *service,
			  const struct address *address, bool v4, const char **ret_why)
{
	for (size_t i = 0; i < stocks->count; i++) {
		const struct stock *stock = &stocks->list[i];

		if ((in_use(stock) && (address || serves_unnamed(stock, service))) ||
		    !has_any(stock->pool, address, v4) || !serves(stock->pool, service))
			continue;
		*ret_why = stock->conflict	   ? "in conflict with another"
			   : stock->pool->disabled ? "disabled"
						   : "only for Services that name it";
		return stock->pool->name;
	}
	return NULL;
}

const struct pool *stocks_not_selecting(const struct stocks *stocks, const struct service *service,
					bool v4)
{
	for (size_t i = 0; i < stocks->count; i++) {
		const struct stock *stock = &stocks->list[i];

		if (in_use(stock) && has_any(stock->pool, NULL, v4) &&
		    !selector_matches(&stock->pool->services, &service->labels))
			return stock->pool;
	}
	return NULL;
}

bool stocks_status(const struct stocks *stocks, size_t at, struct pool_status *ret_status)
{
	const struct stock *stock = &stocks->list[at];
	unsigned __int128 total;

	if (at >= stocks->count)
		return false;
	total = pool_size(stock->pool) - stock->nodes + stock->used_reserved;
	*ret_status = (struct pool_status){
		.pool = stock->pool,
		.conflict = stock->conflict,
		.message = stock->conflict ?: "",
		.total = total,
		.available = total - stock->used,
		.used = stock->used,
	};
	return true;
}
