// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "alloc.h"
#include "cleanup.h"
#include "cluster_input.h"
#include "json.h"

static void ignore_note(const char *text, void *data)
{
}

static struct service *stand_in(const struct source_item *item)
{
	_cleanup_free_ char *namespace = xstrdup(item->name + strlen(SOURCE_ITEM_SERVICES));
	char *name = strchr(namespace, '/');
	const struct place place = { "status", NULL };
	_cleanup_json_ json_t *object = NULL;
	struct service *service = NULL;
	struct err err;

	*name++ = '\0';
	object = json_pack("{s{ss ss}}", "metadata", "namespace", namespace, "name", name);
	if (item->status)
		json_object_set(object, "status", item->status);
	service_parse(&place, object, ignore_note, NULL, &service, &err);
	return service;
}

struct service *cluster_input_service(const struct source_item *item)
{
	struct service *service = source_item_service(item), *made = NULL;

	if ((!service || item->broken) && source_item_is(item, SOURCE_ITEM_SERVICES))
		made = stand_in(item);
	/* as long as it has these addresses it keeps its place among those that share them */
	if (service && made && address_list_equal(&service->load_balancer, &made->load_balancer)) {
		service_unref(made);
		made = NULL;
	}
	return made ?: service ? service_ref(service) : NULL;
}

size_t cluster_input_count_pools(const struct source_items *items)
{
	size_t count = 0;

	for (size_t i = 0; i < items->count; i++)
		count += items->list[i]->manifest.pool_count;
	return count;
}

void cluster_input_set_pools(const struct source_items *items, struct allocator *allocator)
{
	_cleanup_free_ struct pool **list =
		xcalloc(cluster_input_count_pools(items) + 1, sizeof(struct pool *));
	size_t count = 0;

	for (size_t i = 0; i < items->count; i++)
		if (items->list[i]->manifest.pool_count)
			list[count++] = items->list[i]->manifest.pools[0];
	allocator_set_pools(allocator, list, count);
}

const struct source_item *cluster_input_wrong_pool(const struct source_items *items)
{
	for (size_t i = 0; i < items->count; i++) {
		const struct source_item *item = items->list[i];

		if (item->broken && !item->manifest.pool_count &&
		    source_item_is(item, SOURCE_ITEM_POOLS))
			return item;
	}
	return NULL;
}
