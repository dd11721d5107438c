// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "condition.h"
#include "kube_pools.h"
#include "source_items.h"

int source_new(sd_event *event, const struct source_options *options,
	       const struct source_callbacks *callbacks, void *userdata, struct source **ret_source,
	       struct err *err)
{
	return options->directory
		       ? source_directory_new(event, options, callbacks, userdata, ret_source, err)
		       : source_kubernetes_new(event, options, callbacks, userdata, ret_source,
					       err);
}

static void item_free(struct source_item *item)
{
	manifest_free(&item->manifest);
	json_decref(item->status);
	json_decref(item->wanted);
	free(item->said);
	free(item->name);
	free(item);
}

void source_free(struct source *source)
{
	if (!source)
		return;
	for (size_t i = 0; i < source->count; i++)
		item_free(source->items[i]);
	free(source->items);
	free(source->manifests);
	source->ops->free(source);
}

const struct manifest *const *source_manifests(const struct source *source, size_t *ret_count)
{
	*ret_count = source->count;
	return (const struct manifest *const *)source->manifests;
}

bool source_known(const struct source *source)
{
	return source->ops->known(source);
}

void source_status(const struct source *source, struct source_status *ret_status)
{
	*ret_status = (struct source_status){ .known = source_known(source), .reachable = true };
	for (size_t i = 0; i < source->count; i++)
		ret_status->broken += source->items[i]->broken;
	source->ops->status(source, ret_status);
	if (!*ret_status->trouble.text && ret_status->broken)
		err_write(&ret_status->trouble, "%zu manifest%s wrong; the log says where",
			  ret_status->broken, ret_status->broken == 1 ? " is" : "s are");
}

bool source_same(const struct source *source, const struct source_options *options)
{
	return source->ops->same(source, options);
}

void source_rescan(struct source *source, bool all)
{
	source->ops->rescan(source, all);
}

void source_why_no_more(const struct source *source, const struct service *service,
			struct err *ret_why)
{
	const struct source_item *item = NULL;
	const struct verdict *verdict = NULL;
	struct source_status status;
	const char *why = NULL;
	char name[512];

	snprintf(name, sizeof(name), KUBE_POOLS_SERVICES "%s/%s", service->namespace,
		 service->name);
	source_status(source, &status);
	if (status.allocator)
		verdict = allocator_verdict(status.allocator, service->claim);
	else
		item = source_find(source, name);
	if (verdict && verdict->ours)
		why = verdict->message;
	else if (item) /* as the node that decides has written it; "" is satisfied */
		why = json_string_value(json_object_get(
			condition_find(item->status, CONDITION_SATISFIED), "message"));
	err_write(ret_why, "%s", why ?: "");
}

void source_say_event(struct source *source, const struct kube_event *event)
{
	if (source->ops->say_event)
		source->ops->say_event(source, event);
}

void source_say(const struct source *source, int priority, const char *text)
{
	source->callbacks.log(priority, text, source->userdata);
}

/* The first item whose name isn't less than @name. */
static size_t lower_bound(const struct source *source, const char *name)
{
	size_t first = 0, end = source->count;

	while (first < end) {
		size_t middle = first + (end - first) / 2;

		if (strcmp(source->items[middle]->name, name) < 0)
			first = middle + 1;
		else
			end = middle;
	}
	return first;
}

struct source_item *source_find(const struct source *source, const char *name)
{
	size_t at = lower_bound(source, name);

	return at < source->count && !strcmp(source->items[at]->name, name) ? source->items[at]
									    : NULL;
}

static bool grow(struct source *source)
{
	size_t capacity = 2 * source->capacity + 16;
	struct source_item **items;
	struct manifest **manifests;

	if (source->count < source->capacity)
		return true;
	items = reallocarray(source->items, capacity, sizeof(void *));
	if (items)
		source->items = items;
	manifests = reallocarray(source->manifests, capacity, sizeof(void *));
	if (manifests)
		source->manifests = manifests;
	if (!items || !manifests)
		return false;
	source->capacity = capacity;
	return true;
}

struct source_item *source_get(struct source *source, const char *name)
{
	size_t at = lower_bound(source, name), behind = source->count - at;
	struct source_item *item;

	if (behind && !strcmp(source->items[at]->name, name))
		return source->items[at];
	item = calloc(1, sizeof(*item));
	if (item)
		item->name = strdup(name);
	if (!item || !item->name || !grow(source)) {
		if (item)
			item_free(item);
		return NULL;
	}
	memmove(&source->items[at + 1], &source->items[at], behind * sizeof(void *));
	memmove(&source->manifests[at + 1], &source->manifests[at], behind * sizeof(void *));
	source->items[at] = item;
	source->manifests[at] = &item->manifest;
	source->count++;
	return item;
}

static bool begins_with(const struct source_item *item, const char *prefix)
{
	return !strncmp(item->name, prefix, strlen(prefix));
}

void source_mark(struct source *source, const char *prefix)
{
	for (size_t i = 0; i < source->count; i++)
		if (begins_with(source->items[i], prefix))
			source->items[i]->present = false;
}

bool source_sweep(struct source *source, const char *prefix)
{
	size_t kept = 0, count = source->count;

	for (size_t i = 0; i < count; i++) {
		struct source_item *item = source->items[i];

		if (!item->present && begins_with(item, prefix)) {
			item_free(item);
			continue;
		}
		source->items[kept] = item;
		source->manifests[kept++] = &item->manifest;
	}
	source->count = kept;
	return kept < count;
}

void source_remove(struct source *source, const char *name)
{
	size_t at = lower_bound(source, name), behind = source->count - at;

	if (!behind || strcmp(source->items[at]->name, name) != 0)
		return;
	item_free(source->items[at]);
	memmove(&source->items[at], &source->items[at + 1], (behind - 1) * sizeof(void *));
	memmove(&source->manifests[at], &source->manifests[at + 1], (behind - 1) * sizeof(void *));
	source->count--;
}

void source_say_verdict(const struct source *source, const struct verdict *verdict)
{
	const struct claim *claim = verdict->claim;
	struct err text;
	size_t used;

	if (!verdict->ours)
		return;
	err_write(&text, "%s/%s: pools give it", claim->namespace, claim->name);
	for (size_t i = 0; i < verdict->addresses.count; i++) {
		char ip[INET6_ADDRSTRLEN];

		used = strlen(text.text);
		snprintf(text.text + used, sizeof(text.text) - used, " %s",
			 address_format(&verdict->addresses.list[i], ip));
	}
	used = strlen(text.text);
	if (!verdict->satisfied)
		snprintf(text.text + used, sizeof(text.text) - used, "%s: %s",
			 verdict->addresses.count ? ", and no more" : " nothing", verdict->message);
	source_say(source, verdict->satisfied ? LOG_INFO : LOG_WARNING, text.text);
}
