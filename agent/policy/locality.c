// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "binary_search.h"
#include "locality.h"

#define HERE_OR_ELSEWHERE (ENDPOINT_HERE | ENDPOINT_ELSEWHERE)

static const struct {
	const char *as_cluster;
	enum reason reason;
	const char *detail;
} localities[] = {
	[LOCALITY_CLUSTER] = {},
	[LOCALITY_NO_SELECTOR] = { .as_cluster = "it has no selector" },
	[LOCALITY_NO_SLICE] = { .as_cluster = "it has no EndpointSlice" },
	[LOCALITY_NAMELESS] = { .as_cluster = "its endpoints name no node" },
	[LOCALITY_UNKNOWN] = { .reason = REASON_ENDPOINTS_UNKNOWN },
	[LOCALITY_NOWHERE] = { .reason = REASON_NO_LOCAL_ENDPOINT, .detail = "no node has one" },
	[LOCALITY_ELSEWHERE] = { .reason = REASON_NO_LOCAL_ENDPOINT,
				 .detail = "other nodes have one" },
	[LOCALITY_HERE] = {},
};

const char *locality_as_cluster(enum locality locality)
{
	return localities[locality].as_cluster;
}

enum reason locality_forbids(enum locality locality)
{
	return localities[locality].reason;
}

const char *locality_detail(enum locality locality)
{
	return localities[locality].detail;
}

static bool any_local(const struct manifest *const *manifests, size_t count)
{
	for (size_t m = 0; m < count; m++)
		for (size_t i = 0; i < manifests[m]->service_count; i++)
			if (manifests[m]->services[i]->local)
				return true;
	return false;
}

struct ranked {
	const struct endpoint_slice *slice;
	size_t place; /* index in the order of the manifests */
};

static int compare_ranked(const void *a, const void *b)
{
	const struct ranked *left = a, *right = b;
	int order = endpoint_slice_compare(left->slice, right->slice);

	if (order)
		return order;
	return left->place < right->place ? -1 : left->place > right->place;
}

static int compare_service(const char *namespace, const char *name,
			   const struct endpoint_slice *slice)
{
	int order = strcmp(namespace, slice->namespace);

	return order ? order : strcmp(name, slice->service);
}

static int compare_services(const void *a, const void *b)
{
	const struct endpoint_slice *slice = *(const struct endpoint_slice *const *)a;

	return compare_service(slice->namespace, slice->service,
			       *(const struct endpoint_slice *const *)b);
}

/* Fills @ranked, which has room for all slices, sorted by name. */
static void rank(const struct manifest *const *manifests, size_t count, struct ranked *ranked)
{
	size_t total = 0;

	for (size_t m = 0; m < count; m++)
		for (size_t i = 0; i < manifests[m]->slice_count; i++, total++)
			ranked[total] = (struct ranked){ &manifests[m]->slices[i], total };
	qsort(ranked, total, sizeof(*ranked), compare_ranked);
}

void slice_index_make(const struct manifest *const *manifests, size_t count,
		      struct slice_index *ret_index)
{
	struct slice_index index = {};
	struct ranked *ranked;
	size_t total = 0;

	for (size_t m = 0; m < count; m++)
		total += manifests[m]->slice_count;
	if (!total || !any_local(manifests, count)) {
		*ret_index = index;
		return;
	}
	ranked = xcalloc(total, sizeof(*ranked));
	rank(manifests, count, ranked);
	index.list = xcalloc(total, sizeof(const struct endpoint_slice *));
	for (size_t i = 0; i < total; i++)
		if (ranked[i].slice->service &&
		    (i + 1 == total ||
		     endpoint_slice_compare(ranked[i].slice, ranked[i + 1].slice)))
			index.list[index.count++] = ranked[i].slice;
	free(ranked);
	qsort(index.list, index.count, sizeof(const struct endpoint_slice *), compare_services);
	*ret_index = index;
}

void slice_index_free(struct slice_index *index)
{
	free(index->list);
	*index = (struct slice_index){};
}

/* The facts of the slices from @list up to @end that count for addresses of @family. */
static unsigned int facts_for(const struct endpoint_slice *const *list,
			      const struct endpoint_slice *const *end, enum endpoint_family family)
{
	unsigned int own = 0, all = 0;
	bool has_own = false;

	for (; list < end; list++) {
		all |= (*list)->facts;
		if ((*list)->family == family || (*list)->family == ENDPOINT_ANY)
			own |= (*list)->facts;
		has_own = has_own || (*list)->family == family;
	}
	return has_own ? own : all;
}

enum locality locality_of(const struct slice_index *index, const struct service *service, bool v4)
{
	unsigned int facts, here = ENDPOINT_READY_HERE, elsewhere = ENDPOINT_READY_ELSEWHERE;
	size_t first, at;

	if (!service->local)
		return LOCALITY_CLUSTER;
	if (!service->pods)
		return LOCALITY_NO_SELECTOR;
	if (service->publish_not_ready) {
		here = ENDPOINT_HERE;
		elsewhere = ENDPOINT_ELSEWHERE;
	}
	first = at = SEARCH_FIRST(i, index->count,
				  compare_service(service->namespace, service->name,
						  index->list[i]) > 0);
	while (at < index->count &&
	       !compare_service(service->namespace, service->name, index->list[at]))
		at++;
	facts = facts_for(&index->list[first], &index->list[at], v4 ? ENDPOINT_V4 : ENDPOINT_V6);
	/* whatever isn't known yet */
	if (facts & here)
		return LOCALITY_HERE;
	if (facts & ENDPOINT_UNKNOWN)
		return LOCALITY_UNKNOWN;
	if (at == first)
		return LOCALITY_NO_SLICE;
	if (!(facts & HERE_OR_ELSEWHERE) && facts & ENDPOINT_NAMELESS)
		return LOCALITY_NAMELESS;
	return facts & elsewhere ? LOCALITY_ELSEWHERE : LOCALITY_NOWHERE;
}
