// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "cleanup.h"
#include "cluster_needed.h"

/* The server can select by labels only, so the request names the Services. If it were longer than
 * PATH_MAX_LEN, which every proxy accepts, we watch all slices that kube-proxy watches. */
#define PATH	     "/apis/discovery.k8s.io/v1/endpointslices?labelSelector=" ENDPOINT_SLICE_SERVICE
#define PATH_IN	     PATH "%20in%20"
#define PATH_MAX_LEN 2048
#define PATH_ALL     PATH ",!service.kubernetes.io/headless"

/* ---- names ---- */

void cluster_needed_free(struct cluster_needed *needed)
{
	for (size_t i = 0; i < needed->count; i++)
		free(needed->list[i]);
	free(needed->list);
	*needed = (struct cluster_needed){};
}

/* For bsearch(). */
static int compare_names(const void *key, const void *element)
{
	return strcmp(key, *(char *const *)element);
}

bool cluster_needed_has(const struct cluster_needed *needed, const char *name)
{
	return needed->count &&
	       bsearch(name, needed->list, needed->count, sizeof(*needed->list), compare_names);
}

bool cluster_needed_equal(const struct cluster_needed *a, const struct cluster_needed *b)
{
	for (size_t i = 0; i < a->count && a->count == b->count; i++)
		if (strcmp(a->list[i], b->list[i]) != 0)
			return false;
	return a->count == b->count;
}

/* ---- Services that need slices ---- */

/* What selects Services for this node: the serviceSelectors of policies. */
struct selectors {
	const struct selector **list;
	size_t count, capacity;
};

static void selectors_find(const struct source_items *items, const struct labels *node,
			   struct selectors *ret_selectors)
{
	for (size_t i = 0; i < items->count; i++)
		for (size_t p = 0; p < items->manifests[i]->policy_count; p++) {
			const struct policy *policy = &items->manifests[i]->policies[p];

			if (!selector_matches(&policy->nodes, node))
				continue;
			ALLOC_GROW(ret_selectors->list, ret_selectors->count,
				   ret_selectors->capacity);
			ret_selectors->list[ret_selectors->count++] = &policy->services;
		}
}

static bool is_selected(const struct selectors *selectors, const struct service *service)
{
	for (size_t i = 0; i < selectors->count; i++)
		if (selector_matches(selectors->list[i], &service->labels))
			return true;
	return false;
}

void cluster_needed_find(const struct source_items *items, const char *node,
			 const struct service_class *class, struct cluster_needed *ret_needed)
{
	const struct source_item *item =
		source_items_find_object(items, SOURCE_ITEM_NODES, NULL, node);
	_cleanup_(labels_free) struct labels host = {};
	struct selectors selectors = {};
	const struct labels *labels = &host;

	labels_set(&host, "kubernetes.io/hostname", node);
	if (item && item->manifest.node_count)
		labels = &item->manifest.nodes[0].labels;
	selectors_find(items, labels, &selectors);
	for (size_t i = 0; i < items->count; i++) {
		const struct service *service = source_item_service(items->list[i]);

		if (!service || !service->local || !service->pods ||
		    !service_is_of(service, class) || !is_selected(&selectors, service))
			continue;
		ALLOC_GROW(ret_needed->list, ret_needed->count, ret_needed->capacity);
		ret_needed->list[ret_needed->count++] =
			xstrdup(source_item_object_name(items->list[i]));
	}
	free(selectors.list);
}

/* ---- the request ---- */

char *cluster_needed_path(const struct cluster_needed *needed)
{
	size_t length = strlen(PATH_IN "()"), used;
	char *path;

	for (size_t i = 0; i < needed->count; i++)
		length += strlen(strchr(needed->list[i], '/'));
	if (length > PATH_MAX_LEN)
		return xstrdup(PATH_ALL);
	path = xmalloc(length + 1);
	used = sprintf(path, "%s", PATH_IN);
	for (size_t i = 0; i < needed->count; i++)
		used += sprintf(path + used, "%c%s", i ? ',' : '(',
				strchr(needed->list[i], '/') + 1);
	sprintf(path + used, ")");
	return path;
}

bool cluster_needed_path_has(const char *path, const char *name)
{
	const char *service = strchr(name, '/') + 1, *at = path + strlen(PATH_IN);
	size_t length;

	if (!strcmp(path, PATH_ALL))
		return true;
	for (; *at != ')'; at += 1 + length) {
		length = strcspn(at + 1, ",)");
		if (length == strlen(service) && !memcmp(at + 1, service, length))
			return true;
	}
	return false;
}
