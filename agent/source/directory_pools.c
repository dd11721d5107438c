// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "assignments.h"
#include "cleanup.h"
#include "directory_pools.h"
#include "hash.h"
#include "loop.h"

/* Addresses released in one round may be assigned in the next. A third round finds no change. */
#define ROUNDS 4

/* Steps of the allocator between two looks at the clock. */
#define STEPS 4

/* Stages of a decision. Those before DECISION_COMPARING are repeated while addresses are taken
 * back. */
enum decision_stage {
	DECISION_NONE,
	DECISION_POOLS, /* the allocator gets the pools, then the Services */
	DECISION_SERVICES,
	DECISION_DECIDING,
	DECISION_SETTLING,
	DECISION_COLLECTING, /* the file's contents are made from verdicts */
	DECISION_WRITING,
	DECISION_REPORTING,
	DECISION_COMPARING, /* the Services' new addresses are made from the file's contents */
};

/* The addresses that a Service will have. */
struct outcome {
	struct service *service;
	struct address_list addresses;
};

struct directory_pools {
	char *path;
	bool read_only;
	struct allocator *allocator;
	directory_pools_fn *changed;
	void *userdata;
	bool read;			/* the file has been read */
	bool unreported;		/* a decision hasn't been written to the file or reported */
	struct assignments assignments; /* the file's contents */
	/* of the decision under way: */
	enum decision_stage stage;
	struct manifest *const *manifests;
	size_t count;
	size_t manifest, service; /* the Service that is next */
	bool broken;
	int round;
	const struct verdict *const *verdicts; /* from allocator_settle() */
	size_t verdict_count, collected;
	size_t kept;		 /* Services whose addresses in the file stay */
	bool taken_back;	 /* a Service has lost an address */
	struct assignments next; /* the file's contents, not yet written */
	struct outcome *outcomes;
	size_t outcome_count, outcome_capacity;
	int result;
	struct err err;
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

static void forget_outcomes(struct directory_pools *pools)
{
	for (size_t i = 0; i < pools->outcome_count; i++)
		address_list_free(&pools->outcomes[i].addresses);
	pools->outcome_count = 0;
}

void directory_pools_free(struct directory_pools *pools)
{
	if (!pools)
		return;
	forget_outcomes(pools);
	free(pools->outcomes);
	assignments_free(&pools->next);
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

static void begin_stage(struct directory_pools *pools, enum decision_stage stage)
{
	pools->stage = stage;
	pools->manifest = pools->service = 0;
}

/* Sets the pools; of pools with the same name, the last counts. */
static void set_pools(struct directory_pools *pools)
{
	struct manifest *const *manifests = pools->manifests;
	_cleanup_free_ struct pool **list = NULL;
	_cleanup_free_ struct pool_name *names = NULL;
	struct pool_name *known = NULL, *name;
	size_t total = 0, kept = 0;

	for (size_t m = 0; m < pools->count; m++)
		total += manifests[m]->pool_count;
	list = xcalloc(total, sizeof(struct pool *));
	names = xcalloc(total, sizeof(*names));
	for (size_t m = 0; m < pools->count; m++)
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
	begin_stage(pools, DECISION_SERVICES);
}

/* @service's addresses from the file or, if it has none, from the Service's manifest. */
static const struct address_list *written(const struct directory_pools *pools,
					  const struct service *service)
{
	return assignments_get(&pools->assignments, service->namespace, service->name)
		       ?: &service->load_balancer;
}

/* The next of all Services; NULL: there is none. */
static struct service *next_service(struct directory_pools *pools)
{
	for (; pools->manifest < pools->count; pools->manifest++, pools->service = 0) {
		const struct manifest *manifest = pools->manifests[pools->manifest];

		if (pools->service < manifest->service_count)
			return manifest->services[pools->service++];
	}
	return NULL;
}

static void set_next(struct directory_pools *pools)
{
	struct service *service = next_service(pools);

	if (service) {
		allocator_set_service(pools->allocator, service, written(pools, service));
		return;
	}
	allocator_sweep(pools->allocator);
	pools->stage = DECISION_DECIDING;
}

static void decide_next(struct directory_pools *pools)
{
	if (allocator_decide(pools->allocator, STEPS))
		pools->stage = DECISION_SETTLING;
}

static void settle(struct directory_pools *pools)
{
	pools->verdicts = allocator_settle(pools->allocator, &pools->verdict_count);
	pools->collected = pools->kept = 0;
	pools->taken_back = false;
	pools->stage = DECISION_COLLECTING;
}

static void collect(struct directory_pools *pools, const struct verdict *verdict)
{
	const struct service *service = verdict->service;
	const struct address_list *had =
		assignments_get(&pools->assignments, service->namespace, service->name);

	/* others' Services keep what their manifests have */
	if (had || verdict->ours)
		pools->taken_back |=
			!address_list_has_all(&verdict->addresses, had ?: &service->load_balancer);
	if (!verdict->addresses.count)
		return;
	pools->kept += had && address_list_same(had, &verdict->addresses);
	assignments_set(&pools->next, service->namespace, service->name, &verdict->addresses);
}

static void collect_next(struct directory_pools *pools)
{
	if (pools->collected < pools->verdict_count)
		collect(pools, pools->verdicts[pools->collected++]);
	else
		pools->stage = DECISION_WRITING;
}

bool directory_pools_lost(const struct directory_pools *pools)
{
	return !pools->read_only && pools->assignments.count && access(pools->path, F_OK) < 0 &&
	       errno == ENOENT;
}

/* Writes the file if it doesn't match the decision. The verdicts were complete: all Services were
 * set. */
static void write_file(struct directory_pools *pools)
{
	const struct assignments former = pools->assignments;
	bool differs = pools->kept < former.count || pools->kept < pools->next.count;

	if (!pools->result && differs && !pools->read_only)
		pools->result = assignments_write(pools->path, &pools->next, &pools->err);
	pools->unreported |= pools->result < 0 && differs;
	if (pools->result < 0) {
		assignments_free(&pools->next);
		begin_stage(pools, DECISION_COMPARING);
		return;
	}
	pools->assignments = pools->next;
	pools->next = former;
	pools->stage = DECISION_REPORTING;
}

static void report(struct directory_pools *pools)
{
	/* others may get what was taken back, also of Services that are gone */
	bool again =
		(pools->taken_back || pools->kept < pools->next.count) && ++pools->round < ROUNDS;

	assignments_free(&pools->next);
	for (size_t i = 0; i < pools->verdict_count; i++)
		if (pools->verdicts[i]->changed || pools->unreported)
			pools->changed(pools->verdicts[i], pools->userdata);
	pools->unreported = false;
	begin_stage(pools, again ? DECISION_POOLS : DECISION_COMPARING);
}

/* Makes @service's addresses: those in the file, without those that it no longer has by the
 * decision. Without the file, it isn't known which Service has which address: it has none. Returns
 * whether they aren't left as they are. */
static bool make_addresses(const struct directory_pools *pools, const struct service *service,
			   struct address_list *ret_addresses)
{
	const struct address_list *had =
		assignments_get(&pools->assignments, service->namespace, service->name);
	const struct verdict *verdict = allocator_verdict(pools->allocator, service);

	if (!pools->read)
		return allocator_ours(pools->allocator, service);
	if (pools->broken ? !had : !verdict || verdict->service != service || !verdict->ours)
		return false;
	for (size_t i = 0; had && i < had->count; i++)
		if (pools->broken || address_list_has(&verdict->addresses, &had->list[i]))
			address_list_add(ret_addresses, &had->list[i]);
	return true;
}

static void compare_next(struct directory_pools *pools)
{
	_cleanup_(address_list_free) struct address_list addresses = {};
	struct service *service = next_service(pools);

	if (!service) {
		pools->stage = DECISION_NONE;
		return;
	}
	if (!make_addresses(pools, service, &addresses) ||
	    address_list_same(&addresses, &service->load_balancer))
		return;
	ALLOC_GROW(pools->outcomes, pools->outcome_count, pools->outcome_capacity);
	pools->outcomes[pools->outcome_count++] = (struct outcome){ service, addresses };
	addresses = (struct address_list){};
}

void directory_pools_begin(struct directory_pools *pools, struct manifest *const *manifests,
			   size_t count, const struct address_list *reserved, bool broken)
{
	pools->manifests = manifests;
	pools->count = count;
	pools->broken = broken;
	pools->round = 0;
	pools->result =
		pools->read ? 0 : assignments_read(pools->path, &pools->assignments, &pools->err);
	pools->read = !pools->result;
	if (directory_pools_lost(pools))
		pools->result = assignments_write(pools->path, &pools->assignments, &pools->err);
	if (!pools->read || broken) {
		begin_stage(pools, DECISION_COMPARING);
		return;
	}
	allocator_set_reserved(pools->allocator, reserved);
	begin_stage(pools, DECISION_POOLS);
}

bool directory_pools_continue(struct directory_pools *pools, uint64_t begun_ns)
{
	static void (*const next[])(struct directory_pools *) = {
		[DECISION_POOLS] = set_pools,	      [DECISION_SERVICES] = set_next,
		[DECISION_DECIDING] = decide_next,    [DECISION_SETTLING] = settle,
		[DECISION_COLLECTING] = collect_next, [DECISION_WRITING] = write_file,
		[DECISION_REPORTING] = report,	      [DECISION_COMPARING] = compare_next,
	};

	while (pools->stage) {
		next[pools->stage](pools);
		if (!loop_may_go_on(begun_ns))
			break;
	}
	return !pools->stage;
}

int directory_pools_use(struct directory_pools *pools, struct err *err)
{
	for (size_t i = 0; i < pools->outcome_count; i++) {
		struct outcome *outcome = &pools->outcomes[i];
		struct address_list former = outcome->service->load_balancer;

		outcome->service->load_balancer = outcome->addresses;
		outcome->addresses = former;
	}
	forget_outcomes(pools);
	if (pools->result < 0)
		*err = pools->err;
	return pools->result;
}
