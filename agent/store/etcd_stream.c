// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "etcd.h"
#include "json.h"
#include "loop.h"

#define PAGE 500 /* records: parsing more would keep a renewal waiting */
/* No group has more: a list that doesn't end is none. */
#define PAGES_MAX	  1000
#define STREAM_RETRY_USEC 200000

_Static_assert(STORE_CLAIMS_MAX + STORE_CLAIMS_NEW / 2 + STORE_NODES_MAX <= PAGES_MAX * PAGE,
	       "all that fits is listed");

static void stream_later(struct etcd_stream *stream, uint64_t usec)
{
	if (!stream->etcd->base.following)
		return;
	loop_timer_after(stream->retry, usec);
}

static void list_anew(struct etcd_stream *stream)
{
	*stream->listing = true;
	stream->list_revision = 0;
}

static void stream_cancel(struct etcd_stream *stream)
{
	http_cancel(stream->call);
	stream->call = NULL;
}

static void stream_failed(struct etcd_stream *stream, const char *why)
{
	struct store_etcd *etcd = stream->etcd;

	etcd_trouble(etcd, stream->endpoint, why);
	stream->endpoint = (stream->endpoint + 1) % etcd->endpoint_count;
	if (stream->events->lists_again)
		list_anew(stream);
	stream_later(stream, STREAM_RETRY_USEC);
}

/* It shows more than there is room for. */
static void stream_is_full(struct etcd_stream *stream)
{
	char text[HTTP_TROUBLE_MAX];

	stream_cancel(stream);
	list_anew(stream);
	store_full(&stream->etcd->base, text);
	etcd_trouble(stream->etcd, stream->endpoint, text);
	stream_later(stream, STORE_FULL_USEC);
}

void etcd_stream_elsewhere(struct etcd_stream *stream)
{
	stream->endpoint = (stream->endpoint + 1) % stream->etcd->endpoint_count;
	etcd_stream_run(stream);
}

/* Does the list get ahead by the page @kvs? Else @text says why not: a store that is broken may
 * show the same records for ever. */
static bool page_follows(struct etcd_stream *stream, const json_t *kvs, char text[HTTP_TROUBLE_MAX])
{
	_cleanup_free_ char *first = etcd_key(json_array_get(kvs, 0));

	stream->pages = stream->list_revision ? stream->pages + 1 : 1;
	if (stream->page_key && first && strcmp(first, stream->page_key) <= 0)
		snprintf(text, HTTP_TROUBLE_MAX, "its list shows the same records again");
	else if (stream->pages > PAGES_MAX || json_array_size(kvs) > PAGE)
		snprintf(text, HTTP_TROUBLE_MAX, "its list has more than %d records",
			 stream->pages > PAGES_MAX ? PAGES_MAX * PAGE : PAGE);
	else
		return true;
	return false;
}

/* What comes after a page that ended with @last, or with its range if that is NULL. False: there is
 * nothing more. */
static bool page_next(struct etcd_stream *stream, const json_t *last)
{
	free(stream->page_key);
	stream->page_key = last ? etcd_key(last) : NULL;
	stream->range += !last;
	return stream->range < stream->listed;
}

static void on_page(const struct http_result *result, void *userdata)
{
	struct etcd_stream *stream = userdata;
	struct store_etcd *etcd = stream->etcd;
	json_auto_t *json = NULL;
	const json_t *kvs;
	size_t index, count;
	json_t *kv;
	char text[HTTP_TROUBLE_MAX];
	uint64_t revision;
	bool more;

	stream->call = NULL;
	json = http_json(result);
	revision = json_decimal(json_object_get(json, "header"), "revision");
	if (!revision) {
		/* a page of a revision that is compacted by now: all over again */
		stream->list_revision = 0;
		stream_failed(stream, etcd_trouble_text(result, text));
		return;
	}
	kvs = json_object_get(json, "kvs");
	if (!page_follows(stream, kvs, text)) {
		stream->list_revision = 0;
		stream_failed(stream, text);
		return;
	}
	if (!stream->list_revision) {
		stream->list_revision = revision;
		stream->events->reset(etcd);
	}
	count = json_array_size(kvs);
	json_array_foreach(kvs, index, kv)
	{
		if (!stream->events->shown(etcd, kv, false)) {
			stream_is_full(stream);
			return;
		}
	}
	more = json_is_true(json_object_get(json, "more")) && count;
	if (!page_next(stream, more ? json_array_get(kvs, count - 1) : NULL) &&
	    etcd->base.following) {
		/* a list that doesn't end is no answer */
		store_answered(&etcd->base);
		*stream->revision = stream->list_revision;
		*stream->listing = false;
		stream->events->synced(etcd, stream->list_revision);
	}
	etcd_stream_run(stream);
}

static void stream_list(struct etcd_stream *stream)
{
	const struct etcd_range *range;
	json_auto_t *json = NULL;
	char revision[24];

	if (!stream->list_revision) {
		free(stream->page_key);
		stream->page_key = NULL;
		stream->range = 0;
	}
	range = &stream->ranges[stream->range];
	snprintf(revision, sizeof(revision), "%" PRIu64, stream->list_revision);
	json = json_pack(
		"{so so si ss}", "key",
		/* the next key after the last of a page is that with a zero byte behind it */
		stream->page_key ? etcd_base64(stream->page_key, strlen(stream->page_key) + 1)
				 : etcd_base64(range->from, strlen(range->from)),
		"range_end", etcd_base64(range->to, strlen(range->to)), "limit", PAGE, "revision",
		revision);
	stream->call = etcd_post(stream->etcd, stream->endpoint, "/v3/kv/range", json, on_page,
				 NULL, stream);
}

/* The watch begins at a server that has come to @revision. If the store lost its last writes,
 * others take their revisions, and a watch that begins behind them never shows those. Right after a
 * list the server is only behind others. Returns as watch_message(). */
static const char *watch_created(struct etcd_stream *stream, uint64_t revision)
{
	bool listed = stream->list_revision;

	stream->list_revision = 0;
	if (listed || stream->events->lists_again || revision >= *stream->revision)
		return NULL;
	list_anew(stream);
	return "its watch begins behind what was shown";
}

/* Handles one message of the watch. Returns why the stream is over, or NULL. */
static const char *watch_message(struct etcd_stream *stream, const json_t *json)
{
	const json_t *result = json_object_get(json, "result"), *events;
	struct store_etcd *etcd = stream->etcd;
	uint64_t revision = json_decimal(json_object_get(result, "header"), "revision");
	uint64_t shown = 0;
	json_t *event;
	size_t index;

	if (!result || json_is_true(json_object_get(result, "canceled"))) {
		if (!json_decimal(result, "compact_revision"))
			return "its watch was ended";
		list_anew(stream);
		return "its watch was compacted away";
	}
	etcd->base.progress++;
	events = json_object_get(result, "events");
	json_array_foreach(events, index, event)
	{
		const json_t *kv = json_object_get(event, "kv");
		const char *type = json_string_value(json_object_get(event, "type"));
		uint64_t at = json_decimal(kv, "mod_revision");

		/* a claim's former holder must not believe that it has it again; several ranges
		 * have no common order, and hold no claims */
		if (stream->watched == 1 && (at <= *stream->revision || at < shown)) {
			list_anew(stream);
			return "its watch shows changes that are older than those before";
		}
		if (etcd->base.following &&
		    !stream->events->shown(etcd, kv, type && !strcmp(type, "DELETE"))) {
			stream_is_full(stream);
			return NULL;
		}
		/* the header's may be ahead of the events that are still to come */
		if (at > shown)
			shown = at;
	}
	/* the rest of a revision may be in the next fragment */
	if (shown && !json_is_true(json_object_get(result, "fragment")))
		*stream->revision = shown;
	if (json_is_true(json_object_get(result, "created")) && revision) {
		store_answered(&etcd->base);
		return watch_created(stream, revision);
	}
	return NULL;
}

static void on_watch_line(const char *line, size_t length, void *userdata)
{
	struct etcd_stream *stream = userdata;
	json_auto_t *json = NULL;
	struct err why, said;
	const char *ended;

	if (!line)
		return;
	json = json_parse(line, length, &why);
	if (json) {
		ended = watch_message(stream, json);
	} else {
		err_write(&said, "what its watch sent %s", why.text);
		ended = said.text;
	}
	if (ended) {
		stream_cancel(stream);
		stream_failed(stream, ended);
	}
}

static void on_watch_done(const struct http_result *result, void *userdata)
{
	struct etcd_stream *stream = userdata;
	char text[HTTP_TROUBLE_MAX];

	stream->call = NULL;
	stream_failed(stream, result->error || result->status != 200
				      ? etcd_trouble_text(result, text)
				      : "its watch was ended");
}

/* A request for each range, one behind the other. */
static void stream_watch(struct etcd_stream *stream)
{
	json_auto_t *requests = json_array();
	char revision[24];

	snprintf(revision, sizeof(revision), "%" PRIu64, *stream->revision + 1);
	for (size_t i = 0; i < stream->watched; i++) {
		const struct etcd_range *range = &stream->ranges[i];

		json_array_append_new(
			requests, json_pack("{s:{so so ss sb}}", "create_request", "key",
					    etcd_base64(range->from, strlen(range->from)),
					    "range_end", etcd_base64(range->to, strlen(range->to)),
					    "start_revision", revision, "fragment", 1));
	}
	stream->call = etcd_post(stream->etcd, stream->endpoint, "/v3/watch", requests,
				 on_watch_done, on_watch_line, stream);
}

void etcd_stream_run(struct etcd_stream *stream)
{
	stream_cancel(stream);
	loop_timer_after(stream->retry, LOOP_NEVER);
	if (!stream->etcd->base.following)
		return;
	if (*stream->listing)
		stream_list(stream);
	else
		stream_watch(stream);
}

void etcd_stream_anew(struct etcd_stream *stream)
{
	list_anew(stream);
	/* after trouble it begins by itself, and not before */
	if (stream->call)
		etcd_stream_run(stream);
}

void etcd_stream_set(struct etcd_stream *stream, bool run)
{
	stream_cancel(stream);
	list_anew(stream);
	loop_timer_after(stream->retry, run ? 0 : LOOP_NEVER);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	etcd_stream_run(userdata);
	return 0;
}

int etcd_stream_init(struct etcd_stream *stream, struct store_etcd *etcd,
		     const struct etcd_stream_events *events, bool *listing, uint64_t *revision)
{
	stream->etcd = etcd;
	stream->events = events;
	stream->listing = listing;
	stream->revision = revision;
	return loop_timer_new(etcd->base.event, LOOP_NEVER, on_retry, stream, &stream->retry);
}

void etcd_stream_close(struct etcd_stream *stream)
{
	stream_cancel(stream);
	sd_event_source_disable_unref(stream->retry);
	free(stream->page_key);
}
