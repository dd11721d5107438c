// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "alloc.h"
#include "cleanup.h"
#include "condition.h"
#include "document.h"
#include "foreign.h"
#include "source_base.h"

/* Pools in conflict that the log names: each text is looked for among the former ones. */
#define CONFLICTS_MAX 100

static void write_conflict(const struct pool_status *pool, struct err *ret_text)
{
	err_write(ret_text, "pool %s gives nothing new: %s", pool->pool->name, pool->message);
}

void source_stop(struct source *source)
{
	if (source->ops->stop)
		source->ops->stop(source);
	else
		source->callbacks.stopped(source->userdata);
}

void source_free(struct source *source)
{
	if (!source)
		return;
	source_items_free(&source->items);
	address_list_free(&source->reserved);
	free(source->conflicts);
	source->ops->free(source);
}

const struct manifest *const *source_manifests(const struct source *source, size_t *ret_count)
{
	*ret_count = source->items.count;
	return (const struct manifest *const *)source->items.manifests;
}

bool source_known(const struct source *source)
{
	return source->ops->known(source);
}

/* A note about a pool that assigns no new addresses, or about an object for another program, with
 * the page that explains how to convert it. */
static void note_of(const struct source *source, const struct allocator *allocator,
		    struct err *ret_note)
{
	struct pool_status pool;

	for (size_t i = 0; allocator && allocator_pool_status(allocator, i, &pool); i++)
		if (pool.conflict) {
			write_conflict(&pool, ret_note);
			return;
		}
	for (size_t i = 0; i < source->items.count; i++) {
		const char *noted = source->items.list[i]->noted;
		const char *line = noted ? strstr(noted, FOREIGN_PAGE) : NULL;

		if (!line)
			continue;
		while (line > noted && line[-1] != '\n')
			line--;
		err_write(ret_note, "%.*s", (int)strcspn(line, "\n"), line);
		return;
	}
}

void source_status(const struct source *source, struct source_status *ret_status)
{
	const char *first = NULL;

	*ret_status = (struct source_status){ .known = source_known(source), .reachable = true };
	for (size_t i = 0; i < source->items.count; i++) {
		const struct source_item *item = source->items.list[i];

		if (item->broken && !ret_status->broken++)
			first = item->logged;
	}
	source->ops->status(source, ret_status);
	if (!*ret_status->trouble.text && ret_status->broken)
		err_write(&ret_status->trouble, "%zu manifest%s wrong: %s%s", ret_status->broken,
			  ret_status->broken == 1 ? " is" : "s are", first ?: "",
			  ret_status->broken == 1 ? "" : "; the log names the others");
	note_of(source, ret_status->allocator, &ret_status->note);
}

bool source_same(const struct source *source, const struct source_options *options)
{
	return source->ops->same(source, options);
}

void source_rescan(struct source *source, bool all)
{
	if (source->ops->rescan)
		source->ops->rescan(source, all);
}

static bool has_pools(const struct source *source)
{
	for (size_t i = 0; i < source->items.count; i++)
		if (source->items.list[i]->manifest.pool_count)
			return true;
	return false;
}

bool source_gives(const struct source *source)
{
	struct source_status status = {};

	source->ops->status(source, &status);
	return status.allocator && has_pools(source);
}

bool source_waits(const struct source *source)
{
	return source->unreserved && has_pools(source);
}

void source_reserve(struct source *source, const struct address_list *addresses)
{
	struct address_list *reserved = &source->reserved;

	if (!source->unreserved && address_list_same(reserved, addresses))
		return;
	address_list_free(reserved);
	address_list_add_all(reserved, addresses);
	source->unreserved = false;
	source->ops->reserve(source);
}

bool source_nodes(struct source *source, bool follow)
{
	return !source->ops->nodes || source->ops->nodes(source, follow);
}

/* The condition that the deciding node has written; NULL: none. */
static const json_t *written_condition(const struct source *source, const struct service *service)
{
	const struct source_item *item = source_items_find_object(
		&source->items, SOURCE_ITEM_SERVICES, service->namespace, service->name);

	return item ? condition_find(item->status, CONDITION_SATISFIED) : NULL;
}

/* Maps Cilium's reasons, of which there are more than users need, to ours. */
static enum reason verdict_reason(const char *reason)
{
	if (!strcmp(reason, "no_pool"))
		return REASON_NO_POOL;
	return !strcmp(reason, "out_of_ips") ? REASON_POOL_EXHAUSTED : REASON_REQUEST_REFUSED;
}

void source_why_no_more(const struct source *source, const struct service *service,
			struct why *ret_why)
{
	const struct verdict *verdict = NULL;
	const json_t *condition = NULL;
	struct source_status status = {};
	const char *reason = NULL, *message = NULL;
	bool lacks = service->wants_load_balancer && !service->load_balancer.count, pending;

	/* source_status() goes through all manifests, too slow for a function called per Service */
	source->ops->status(source, &status);
	if (status.allocator)
		verdict = allocator_verdict(status.allocator, service);
	/* another node decides, or a decision is under way */
	if (!verdict)
		condition = written_condition(source, service);
	if (verdict && verdict->ours && !verdict->satisfied) {
		reason = verdict->reason;
		message = verdict->message;
	} else if (condition) {
		reason = json_string_value(json_object_get(condition, "reason"));
		message = json_string_value(json_object_get(condition, "message"));
	}
	/* what was decided before may be wrong by now */
	if (*source->pools_wait.text && service->wants_load_balancer &&
	    ((message && *message) || !service->load_balancer.count)) {
		why_set(ret_why, REASON_POOLS_WAIT);
		why_add(ret_why, ": %s", source->pools_wait.text);
		return;
	}
	if (status.allocator)
		pending = !verdict || (verdict->ours && verdict->satisfied);
	else
		pending = source_items_any(&source->items, SOURCE_ITEM_POOLS "/");
	if (lacks && !condition && pending) {
		why_set(ret_why, REASON_POOLS_WAIT);
		why_add(ret_why, ": what they decide isn't in force yet");
		return;
	}
	/* a condition that is true has no message */
	if (message && *message) {
		why_set(ret_why, verdict_reason(reason ?: ""));
		why_add(ret_why, ": %s", message);
	} else {
		why_set(ret_why, lacks ? REASON_NO_POOL : REASON_NONE);
	}
}

bool source_has_events(const struct source *source)
{
	return source->ops->say_event;
}

void source_say_event(struct source *source, const struct source_event *event)
{
	if (source->ops->say_event)
		source->ops->say_event(source, event);
}

void source_say_announced(struct source *source, const struct announced *announced)
{
	if (source->ops->say_announced)
		source->ops->say_announced(source, announced);
}

void source_say(const struct source *source, int priority, const char *text)
{
	source_say_of(source, priority, NULL, text);
}

void source_say_of(const struct source *source, int priority, const char *origin, const char *text)
{
	source->callbacks.log(priority, origin, text, source->userdata);
}

void source_say_of_item(const struct source *source, int priority, const char *name,
			const char *text)
{
	_cleanup_free_ char *origin = xstrndup(name, strcspn(name, "/"));

	source_say_of(source, priority, origin, text);
}

void source_note(const char *text, void *notes)
{
	char **all = notes, *former = *all;

	*all = xasprintf("%s%s\n", former ?: "", text);
	free(former);
}

void source_say_verdict(const struct source *source, const struct verdict *verdict)
{
	const struct service *service = verdict->service;
	struct err text;

	if (!verdict->ours)
		return;
	err_write(&text, "%s/%s: pools give it", service->namespace, service->name);
	for (size_t i = 0; i < verdict->addresses.count; i++) {
		char ip[INET6_ADDRSTRLEN];

		err_add(&text, " %s", address_format(&verdict->addresses.list[i], ip));
	}
	if (!verdict->satisfied)
		err_add(&text, "%s: %s", verdict->addresses.count ? ", and no more" : " nothing",
			verdict->message);
	source_say_of(source, verdict->satisfied ? LOG_INFO : LOG_WARNING, service->namespace,
		      text.text);
}

void source_say_conflicts(struct source *source, const struct allocator *allocator)
{
	char *all = NULL;
	struct pool_status pool;
	size_t count = 0;

	for (size_t i = 0; allocator_pool_status(allocator, i, &pool); i++) {
		char *before = all;
		struct err text;

		if (!pool.conflict || ++count > CONFLICTS_MAX)
			continue;
		write_conflict(&pool, &text);
		if (!source->conflicts || !strstr(source->conflicts, text.text))
			source_say_of(source, LOG_WARNING, pool.pool->name, text.text);
		all = xasprintf("%s%s\n", before ?: "", text.text);
		free(before);
	}
	free(source->conflicts);
	source->conflicts = all;
}
