// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "assignments.h"
#include "cleanup.h"
#include "directory_pools.h"
#include "hash.h"

/* Addresses released in one round may be assigned in the next. A third round finds no change. */
#define ROUNDS 4

struct directory_pools {
	char *path;
	bool read_only;
	struct allocator *allocator;
	directory_pools_fn *changed;
	void *userdata;
	bool read;			/* the file has been read */
	bool unreported;		/* a decision hasn't been written to the file or reported */
	struct assignments assignments; /* the file's contents */
};

struct directory_pools *directory_pools_new(const char *path, bool read_only,
					    const struct service_class *class,
					    directory_pools_fn *changed, void *userdata)
{
	struct directory_pools *pools = xcalloc(1, sizeof(*pools));

	pools->read_only = read_only;
	pools->changed = changed;
	pools->userdata = userdata;
	pools->path = xstrdup(path);
	pools->allocator = allocator_new(class);
	return pools;
}

void directory_pools_free(struct directory_pools *pools)
{
	if (!pools)
		return;
	assignments_free(&pools->assignments);
	allocator_free(pools->allocator);
	free(pools->path);
	free(pools);
}

const struct allocator *directory_pools_allocator(const struct directory_pools *pools)
{
	return pools->allocator;
}

/* A pool's name, at its place in a list of pools. */
struct pool_name {
	UT_hash_handle hh;
};

/* Sets the pools; of pools with the same name, the last counts. */
static void set_pools(struct directory_pools *pools, struct manifest *const *manifests,
		      size_t count)
{
	_cleanup_free_ struct pool **list = NULL;
	_cleanup_free_ struct pool_name *names = NULL;
	struct pool_name *known = NULL, *name;
	size_t total = 0, kept = 0;

	for (size_t m = 0; m < count; m++)
		total += manifests[m]->pool_count;
	list = xcalloc(total, sizeof(struct pool *));
	names = xcalloc(total, sizeof(*names));
	for (size_t m = 0; m < count; m++)
		for (size_t i = 0; i < manifests[m]->pool_count; i++) {
			struct pool *pool = manifests[m]->pools[i];

			HASH_FIND_STR(known, pool->name, name);
			if (!name) {
				name = &names[kept++];
				HASH_ADD_KEYPTR(hh, known, pool->name, strlen(pool->name), name);
			}
			list[name - names] = pool;
		}
	HASH_CLEAR(hh, known);
	allocator_set_pools(pools->allocator, list, kept);
}

/* @service's addresses from the file or, if it has none, from the Service's manifest. */
static const struct address_list *written(const struct directory_pools *pools,
					  const struct service *service)
{
	return assignments_get(&pools->assignments, service->namespace, service->name)
		       ?: &service->load_balancer;
}

static void set_all(struct directory_pools *pools, struct manifest *const *manifests, size_t count)
{
	set_pools(pools, manifests, count);
	for (size_t m = 0; m < count; m++)
		for (size_t i = 0; i < manifests[m]->service_count; i++)
			allocator_set_service(pools->allocator, manifests[m]->services[i],
					      written(pools, manifests[m]->services[i]));
	allocator_sweep(pools->allocator);
}

/* Makes the file's contents from @verdicts, which must be complete. Returns whether they differ
 * from the file. */
static bool collect(const struct directory_pools *pools, const struct verdict *const *verdicts,
		    size_t count, struct assignments *next)
{
	bool differs = false;

	for (size_t i = 0; i < count; i++) {
		const struct service *service = verdicts[i]->service;
		const struct address_list *addresses = &verdicts[i]->addresses;
		const struct address_list *had =
			assignments_get(&pools->assignments, service->namespace, service->name);

		if (!addresses->count)
			continue;
		differs |= !had || !address_list_same(had, addresses);
		assignments_set(next, service->namespace, service->name, addresses);
	}
	return differs || next->count != pools->assignments.count;
}

/* Decides and writes until the file matches the decision. */
static int decide(struct directory_pools *pools, struct manifest *const *manifests, size_t count,
		  struct err *err)
{
	bool differs = true;

	for (int round = 0; round < ROUNDS && differs; round++) {
		_cleanup_(assignments_free) struct assignments next = {};
		const struct verdict *const *verdicts;
		size_t verdict_count;

		set_all(pools, manifests, count);
		verdicts = allocator_settle(pools->allocator, &verdict_count);
		differs = collect(pools, verdicts, verdict_count, &next);
		if (differs) {
			int written =
				pools->read_only ? 0 : assignments_write(pools->path, &next, err);

			pools->unreported |= written < 0;
			if (written < 0)
				return written;
			assignments_free(&pools->assignments);
			pools->assignments = next;
			next = (struct assignments){};
		}
		for (size_t i = 0; i < verdict_count; i++)
			if (verdicts[i]->changed || pools->unreported)
				pools->changed(verdicts[i], pools->userdata);
		pools->unreported = false;
	}
	return 0;
}

/* Sets @service's addresses to those in the file, without those that @decided no longer has. */
static void apply(const struct directory_pools *pools, struct service *service, bool decided)
{
	const struct address_list *had =
		assignments_get(&pools->assignments, service->namespace, service->name);
	const struct verdict *verdict = allocator_verdict(pools->allocator, service);
	struct address_list *list = &service->load_balancer;
	static const struct address_list none;

	if (decided ? !verdict || verdict->service != service || !verdict->ours : !had)
		return;
	address_list_free(list);
	for (size_t i = 0; i < (had ?: &none)->count; i++)
		if (!decided || address_list_has(&verdict->addresses, &had->list[i]))
			address_list_add(list, &had->list[i]);
}

/* Without the file, it isn't known which Service has which address: removes them all. */
static void withhold(const struct directory_pools *pools, struct manifest *const *manifests,
		     size_t count)
{
	for (size_t m = 0; m < count; m++)
		for (size_t i = 0; i < manifests[m]->service_count; i++)
			if (allocator_ours(pools->allocator, manifests[m]->services[i]))
				address_list_free(&manifests[m]->services[i]->load_balancer);
}

int directory_pools_update(struct directory_pools *pools, struct manifest *const *manifests,
			   size_t count, const struct address_list *reserved, bool broken,
			   struct err *err)
{
	int r = 0;

	if (!pools->read) {
		r = assignments_read(pools->path, &pools->assignments, err);
		if (r < 0) {
			withhold(pools, manifests, count);
			return r;
		}
		pools->read = true;
	}
	allocator_set_reserved(pools->allocator, reserved);
	if (!broken)
		r = decide(pools, manifests, count, err);
	for (size_t m = 0; m < count; m++)
		for (size_t i = 0; i < manifests[m]->service_count; i++)
			apply(pools, manifests[m]->services[i], !broken);
	return r;
}
