// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <utlist.h>

#include "alloc.h"
#include "binary_search.h"
#include "cleanup.h"
#include "condition.h"
#include "kube.h"
#include "source_items.h"

void condition_due_free(struct condition_due *due)
{
	if (!due)
		return;
	free(due->reason);
	free(due->message);
	free(due);
}

static void item_free(struct source_item *item)
{
	if (item->next)
		manifest_free(item->next);
	free(item->next);
	manifest_free(&item->manifest);
	json_decref(item->status);
	json_decref(item->wanted);
	condition_due_free(item->condition_due);
	free(item->logged);
	free(item->noted);
	free(item->name);
	free(item);
}

void source_items_free(struct source_items *items)
{
	for (size_t i = 0; i < items->count; i++)
		item_free(items->list[i]);
	free(items->list);
	free(items->manifests);
	shares_free(&items->memory);
	shares_free(&items->services);
	*items = (struct source_items){};
}

/* As strcmp(), but '/' precedes all other characters, so that objects are in the order of their
 * namespaces, then of their names. */
static int compare_names(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (*a == '/' ? 1 : *(const unsigned char *)a) -
	       (*b == '/' ? 1 : *(const unsigned char *)b);
}

/* Index of the first item whose name isn't less than @name. */
static size_t lower_bound(const struct source_items *items, const char *name)
{
	return SEARCH_FIRST(at, items->count, compare_names(items->list[at]->name, name) < 0);
}

struct source_item *source_items_find(const struct source_items *items, const char *name)
{
	size_t at = lower_bound(items, name);

	return at < items->count && !strcmp(items->list[at]->name, name) ? items->list[at] : NULL;
}

bool source_item_is(const struct source_item *item, const char *prefix)
{
	return !strncmp(item->name, prefix, strlen(prefix));
}

/* The share of its namespace; of a file, its own. */
static struct share *share_of(struct shares *shares, const struct source_item *item)
{
	return share_get(shares, item->name, strcspn(item->name, "/"));
}

/* Counts @item, or no more. */
static void set_counted(struct source_items *items, const struct source_item *item, bool counted)
{
	struct share *share;

	if (!source_item_is(item, SOURCE_ITEM_SERVICES))
		return;
	share = share_of(&items->services, item);
	share_set(&items->services, share, counted ? share->used + 1 : share->used - 1);
	share_tidy(&items->services, share);
}

struct source_item *source_items_get(struct source_items *items, const char *name)
{
	size_t at = lower_bound(items, name), behind = items->count - at;
	struct source_item *item;

	if (behind && !strcmp(items->list[at]->name, name))
		return items->list[at];
	item = xcalloc(1, sizeof(*item));
	item->name = xstrdup(name);
	ALLOC_GROW(items->list, items->count, items->capacity);
	ALLOC_GROW(items->manifests, items->count, items->manifest_capacity);
	memmove(&items->list[at + 1], &items->list[at], behind * sizeof(void *));
	memmove(&items->manifests[at + 1], &items->manifests[at], behind * sizeof(void *));
	items->list[at] = item;
	items->manifests[at] = &item->manifest;
	items->count++;
	set_counted(items, item, true);
	return item;
}

bool source_items_any(const struct source_items *items, const char *prefix)
{
	size_t at = lower_bound(items, prefix);

	return at < items->count && source_item_is(items->list[at], prefix);
}

struct source_item *source_items_last_of_larger(struct source_items *items, const char *namespace)
{
	_cleanup_free_ char *name = xasprintf(SOURCE_ITEM_SERVICES "%s", namespace ?: "");
	_cleanup_free_ char *behind = NULL;
	const struct share *own = share_find(&items->services, name, strlen(name)), *largest;
	size_t excess;

	largest = share_largest(shares_above(&items->services, own ? own->used + 1 : 1, &excess));
	if (!largest)
		return NULL;
	behind = xasprintf("%s/\xff", largest->namespace);
	return items->list[lower_bound(items, behind) - 1];
}

void source_items_mark(struct source_items *items, const char *prefix)
{
	for (size_t i = 0; i < items->count; i++)
		if (source_item_is(items->list[i], prefix)) {
			items->list[i]->present = false;
			/* the new list includes our last write, unless the server lost it */
			items->list[i]->written_version = 0;
		}
}

static void set_cost(struct source_items *items, struct source_item *item, size_t cost)
{
	struct share *share = share_of(&items->memory, item);

	if (!item->cost && cost)
		DL_APPEND2(share->items, item, share_before, share_behind);
	else if (item->cost && !cost)
		DL_DELETE2(share->items, item, share_before, share_behind);
	share_set(&items->memory, share, share->used - item->cost + cost);
	item->cost = cost;
}

static void remove_item(struct source_items *items, struct source_item *item)
{
	set_counted(items, item, false);
	set_cost(items, item, 0);
	share_tidy(&items->memory, share_of(&items->memory, item));
	item_free(item);
}

bool source_items_sweep(struct source_items *items, const char *prefix)
{
	size_t kept = 0, count = items->count;

	for (size_t i = 0; i < count; i++) {
		struct source_item *item = items->list[i];

		if (!item->present && source_item_is(item, prefix)) {
			remove_item(items, item);
			continue;
		}
		items->list[kept] = item;
		items->manifests[kept++] = &item->manifest;
	}
	items->count = kept;
	return kept < count;
}

void source_items_remove(struct source_items *items, const char *name)
{
	size_t at = lower_bound(items, name), behind = items->count - at;

	if (!behind || strcmp(items->list[at]->name, name) != 0)
		return;
	remove_item(items, items->list[at]);
	memmove(&items->list[at], &items->list[at + 1], (behind - 1) * sizeof(void *));
	memmove(&items->manifests[at], &items->manifests[at + 1], (behind - 1) * sizeof(void *));
	items->count--;
}

static char *object_item_name(const char *prefix, const char *namespace, const char *name)
{
	return xasprintf("%s%s/%s", prefix, namespace ?: "", name);
}

struct source_item *source_items_find_object(const struct source_items *items, const char *prefix,
					     const char *namespace, const char *name)
{
	_cleanup_free_ char *text = object_item_name(prefix, namespace, name);

	return source_items_find(items, text);
}

struct source_item *source_items_get_object(struct source_items *items, const char *prefix,
					    const char *namespace, const char *name)
{
	_cleanup_free_ char *text = object_item_name(prefix, namespace, name);

	return source_items_get(items, text);
}

struct service *source_item_service(const struct source_item *item)
{
	return source_item_is(item, SOURCE_ITEM_SERVICES) && item->manifest.service_count
		       ? item->manifest.services[0]
		       : NULL;
}

const char *source_item_object_name(const struct source_item *item)
{
	const char *name = strchr(item->name, ' ') + 1;

	return *name == '/' ? name + 1 : name;
}

void source_item_set_version(struct source_item *item, const json_t *object)
{
	item->version = kube_version(object);
	item->generation = condition_generation(object);
	item->pools_behind = true;
	item->unwritable = false;
	json_decref(item->status);
	item->status = json_incref(json_object_get(object, "status"));
}

void source_item_note(struct source_item *item, char *notes,
		      void (*say)(int priority, const char *line, void *data), void *data)
{
	if (notes && (!item->noted || strcmp(item->noted, notes) != 0)) {
		_cleanup_free_ char *lines = xstrdup(notes);
		char *rest;

		for (char *line = strtok_r(lines, "\n", &rest); line;
		     line = strtok_r(NULL, "\n", &rest))
			say(LOG_NOTICE, line, data);
	}
	free(item->noted);
	item->noted = notes;
}

static size_t manifest_cost(const struct manifest *manifest)
{
	size_t cost = 0;

	for (size_t i = 0; i < manifest->service_count; i++)
		cost += service_cost(manifest->services[i]);
	return cost;
}

/* What is lacking for @item at @cost. */
static size_t lacking(const struct source_items *items, const struct source_item *item, size_t cost)
{
	size_t used = items->memory.used - item->cost + cost;

	return used > SOURCE_COST_MAX ? used - SOURCE_COST_MAX : 0;
}

size_t source_item_excess(const struct source_items *items, const struct source_item *item,
			  const struct manifest *manifest)
{
	size_t cost = manifest_cost(manifest);

	return lacking(items, item, cost) ? cost : 0;
}

bool source_item_room(const struct source_items *items, const struct source_item *item)
{
	return item->refused && !lacking(items, item, item->refused);
}

static void leave_out(struct source_items *items, struct source_item *item)
{
	item->refused = item->refused ?: item->cost;
	item->pools_behind = true;
	set_cost(items, item, 0);
	manifest_free(&item->manifest);
	condition_due_free(item->condition_due);
	item->condition_due = NULL;
}

size_t source_item_make_room(struct source_items *items, const struct source_item *item,
			     const struct manifest *manifest,
			     void (*left_out)(struct source_item *item, void *data), void *data)
{
	size_t cost = manifest_cost(manifest), need = lacking(items, item, cost), excess;
	const struct share *own = share_of(&items->memory, item);
	struct share *larger;

	if (!need)
		return 0;
	larger = shares_above(&items->memory, own->used - item->cost + cost, &excess);
	if (excess < need)
		return cost;
	while (lacking(items, item, cost)) {
		struct source_item *last = share_largest(larger)->items->share_before;

		leave_out(items, last);
		left_out(last, data);
	}
	return 0;
}

void source_item_set_next(struct source_items *items, struct source_item *item,
			  struct manifest *manifest)
{
	set_cost(items, item, manifest_cost(manifest));
	if (item->next)
		manifest_free(item->next);
	else
		item->next = xmalloc(sizeof(*item->next));
	*item->next = *manifest;
}

void source_item_use_next(struct source_item *item)
{
	if (!item->next)
		return;
	manifest_free(&item->manifest);
	item->manifest = *item->next;
	free(item->next);
	item->next = NULL;
}

void source_item_set(struct source_items *items, struct source_item *item,
		     struct manifest *manifest)
{
	set_cost(items, item, manifest_cost(manifest));
	manifest_free(&item->manifest);
	item->manifest = *manifest;
}

struct manifest *source_item_newest(struct source_item *item)
{
	return item->next ?: &item->manifest;
}

void source_item_replace(struct source_items *items, struct source_item *item,
			 struct manifest *manifest, const char *fault,
			 void (*say)(int priority, const char *line, void *data), void *data)
{
	_cleanup_free_ char *line = NULL;

	item->broken = fault != NULL;
	if (!fault) {
		free(item->logged);
		item->logged = NULL;
		source_item_set(items, item, manifest);
		return;
	}
	manifest_free(manifest);
	line = xasprintf("%s; it %s", fault,
			 manifest_has_objects(&item->manifest) ? "stays as it was before"
							       : "is left out");
	if (item->logged && !strcmp(item->logged, line))
		return;
	say(LOG_ERR, line, data);
	free(item->logged);
	item->logged = xstrdup(line);
}
