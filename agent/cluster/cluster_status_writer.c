// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "alloc.h"
#include "cleanup.h"
#include "cluster_status_writer.h"
#include "condition.h"
#include "json.h"

/* Writes aren't conditional on a resourceVersion: nobody else writes these conditions. */
struct cluster_status_writer {
	struct kube *kube;
	struct source *source;
	cluster_status_writer_fn *done;
	void *userdata;
	struct http_call *call;
	char *item;	    /* name of the item written last, or being written */
	size_t next;	    /* the pool or item that is looked at next, modulo their number */
	uint64_t version;   /* resourceVersion that the item had then */
	bool failed;	    /* the last write; nothing is written before a retry */
	struct err trouble; /* of the last write; empty: none */
};

static void log_trouble(struct cluster_status_writer *writer, const struct http_result *result)
{
	struct err err;

	if (!kube_trouble_changes(result, &writer->trouble))
		return;
	err_write(&err, "writing the status of %s: %s", writer->item, writer->trouble.text);
	source_say(writer->source, LOG_WARNING, err.text);
}

static void on_patched(const struct http_result *result, void *userdata)
{
	_cleanup_json_ json_t *json = http_json(result);
	struct cluster_status_writer *writer = userdata;

	writer->call = NULL;
	if (json) {
		struct source_item *item = source_items_find(&writer->source->items, writer->item);

		if (item)
			item->written_version = kube_version(json);
		writer->trouble.text[0] = '\0';
		writer->failed = kube_version(json) == writer->version;
		writer->done(!writer->failed, writer->userdata);
		return;
	}
	writer->failed = true;
	if (result->status != 404)
		log_trouble(writer, result);
	writer->done(false, writer->userdata);
}

static void number_format(unsigned __int128 number, char text[40])
{
	char digits[40];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do {
		digits[--at] = '0' + (int)(number % 10);
		number /= 10;
	} while (number);
	memcpy(text, digits + at, sizeof(digits) - at);
}

/* Writes @conditions, a reference it takes over, to @item, whose resource name is @plural. */
static void write_conditions(struct cluster_status_writer *writer, const struct source_item *item,
			     const char *plural, json_t *conditions)
{
	_cleanup_json_ json_t *body = json_pack("{s{so}}", "status", "conditions", conditions);
	_cleanup_free_ char *path = xasprintf("/apis/%s/%s/%s/status", item->api, plural,
					      source_item_object_name(item));

	free(writer->item);
	writer->item = xstrdup(item->name);
	writer->version = item->version;
	writer->call = kube_request(writer->kube, "PATCH", path, body, on_patched, writer);
}

/* Does the watch still show @item as it was before the last write? */
static bool pending(const struct source_item *item)
{
	return item->version < item->written_version;
}

/* The conditions that @item, the pool of @pool, should have; NULL: it has them. */
static json_t *pool_conditions(const struct source_item *item, const struct pool_status *pool)
{
	char total[40], available[40], used[40];
	const struct condition desired[] = {
		{ CONDITION_CONFLICT, pool->conflict ? "True" : "False",
		  pool->conflict ? "cidr_overlap" : "resolved",
		  /* some API servers treat "" as a missing string */
		  pool->conflict ? pool->message : "no conflict", item->generation },
		{ CONDITION_TOTAL, "Unknown", "noreason", total, item->generation },
		{ CONDITION_AVAILABLE, "Unknown", "noreason", available, item->generation },
		{ CONDITION_USED, "Unknown", "noreason", used, item->generation },
	};
	const size_t count = sizeof(desired) / sizeof(desired[0]);
	bool same = true;
	json_t *made;

	number_format(pool->total, total);
	number_format(pool->available, available);
	number_format(pool->used, used);
	for (size_t i = 0; i < count; i++)
		same = same && condition_is(item->status, &desired[i]);
	if (same)
		return NULL;
	made = conditions_copy(item->status);
	for (size_t i = 0; i < count; i++)
		conditions_set(made, &desired[i]);
	return made;
}

/* Writes the status of @pool, unless the decision that it is from is about a former version. */
static void write_pool(struct cluster_status_writer *writer, const struct pool_status *pool)
{
	const struct source_item *item = source_items_find_object(
		&writer->source->items, SOURCE_ITEM_POOLS, NULL, pool->pool->name);
	json_t *conditions;

	if (!item || pending(item) || !item->manifest.pool_count ||
	    item->manifest.pools[0] != pool->pool)
		return;
	conditions = pool_conditions(item, pool);
	if (conditions)
		write_conditions(writer, item, "ciliumloadbalancerippools", conditions);
}

void cluster_status_writer_continue(struct cluster_status_writer *writer,
				    const struct allocator *allocator)
{
	const struct source_items *items = &writer->source->items;
	size_t pools = 0, total;
	struct pool_status pool;

	while (allocator_pool_status(allocator, pools, &pool))
		pools++;
	total = pools + items->count;
	for (size_t i = 0; i < total && !writer->call && !writer->failed; i++) {
		size_t at = writer->next++ % total;
		const struct source_item *item = at < pools ? NULL : items->list[at - pools];

		if (allocator_pool_status(allocator, at, &pool))
			write_pool(writer, &pool);
		else if (item->wanted && !pending(item))
			write_conditions(writer, item, "ciliuml2announcementpolicies",
					 json_incref(item->wanted));
	}
}

void cluster_status_writer_retry(struct cluster_status_writer *writer)
{
	writer->failed = false;
}

bool cluster_status_writer_writes(const struct cluster_status_writer *writer)
{
	return writer->call;
}

void cluster_status_writer_free(struct cluster_status_writer *writer)
{
	if (!writer)
		return;
	http_cancel(writer->call);
	free(writer->item);
	free(writer);
}

struct cluster_status_writer *cluster_status_writer_new(struct kube *kube, struct source *source,
							cluster_status_writer_fn *done,
							void *userdata)
{
	struct cluster_status_writer *writer = xcalloc(1, sizeof(*writer));

	*writer = (struct cluster_status_writer){
		.kube = kube, .source = source, .done = done, .userdata = userdata
	};
	return writer;
}
