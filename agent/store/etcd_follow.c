// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "etcd.h"
#include "json.h"

#define PAGE 1000 /* records: parsing more would keep a renewal waiting */
/* No group has more: a list that doesn't end is none. */
#define PAGES_MAX	  300
#define FOLLOW_RETRY_USEC 200000

_Static_assert(STORE_CLAIMS_MAX + STORE_NODES_MAX <= PAGES_MAX * PAGE, "all that fits is listed");

static void follow_later(struct store_etcd *etcd, uint64_t usec);

/* False: there is no room for it. */
static bool kv_tell(struct store_etcd *etcd, const json_t *kv, bool deleted)
{
	struct record record;

	return !etcd->base.following || !etcd_record(kv, deleted, &record) ||
	       etcd->base.events->record(&record, etcd->base.userdata);
}

void etcd_follow_anew(struct store_etcd *etcd)
{
	etcd->base.listing = true;
	etcd->list_revision = 0;
	free(etcd->page_key);
	etcd->page_key = NULL;
	/* after trouble it begins by itself, and not before */
	if (etcd->follow_call)
		etcd_follow(etcd);
}

void etcd_lags(struct store_base *base, bool again)
{
	struct store_etcd *etcd = (struct store_etcd *)base;

	(void)again; /* every answer has the store's revision: none can be waited for in vain */
	etcd_trouble(etcd, etcd->follow_endpoint, "its watch lags behind");
	etcd->follow_endpoint = (etcd->follow_endpoint + 1) % etcd->endpoint_count;
	etcd_follow(etcd);
}

static void follow_failed(struct store_etcd *etcd, const char *why)
{
	etcd_trouble(etcd, etcd->follow_endpoint, why);
	etcd->follow_endpoint = (etcd->follow_endpoint + 1) % etcd->endpoint_count;
	follow_later(etcd, FOLLOW_RETRY_USEC);
}

/* It shows more than there is room for. */
static void follow_is_full(struct store_etcd *etcd)
{
	char text[HTTP_TROUBLE_MAX];

	http_cancel(etcd->follow_call);
	etcd->follow_call = NULL;
	etcd->base.listing = true;
	etcd->list_revision = 0;
	store_full(&etcd->base, text);
	etcd_trouble(etcd, etcd->follow_endpoint, text);
	follow_later(etcd, STORE_FULL_USEC);
}

/* Does the list get ahead by the page @kvs? Else @text says why not: a store that is broken may
 * show the same records for ever. */
static bool page_follows(struct store_etcd *etcd, const json_t *kvs, char text[HTTP_TROUBLE_MAX])
{
	_cleanup_free_ char *first = etcd_key(json_array_get(kvs, 0));

	etcd->pages = etcd->list_revision ? etcd->pages + 1 : 1;
	if (etcd->page_key && first && strcmp(first, etcd->page_key) <= 0)
		snprintf(text, HTTP_TROUBLE_MAX, "its list shows the same records again");
	else if (etcd->pages > PAGES_MAX || json_array_size(kvs) > PAGE)
		snprintf(text, HTTP_TROUBLE_MAX, "its list has more than %d records",
			 etcd->pages > PAGES_MAX ? PAGES_MAX * PAGE : PAGE);
	else
		return true;
	return false;
}

static void on_page(const struct http_result *result, void *userdata)
{
	struct store_etcd *etcd = userdata;
	json_auto_t *json = NULL;
	const json_t *kvs;
	size_t index, count;
	json_t *kv;
	char text[HTTP_TROUBLE_MAX];
	uint64_t revision;

	etcd->follow_call = NULL;
	json = http_json(result);
	revision = json_decimal(json_object_get(json, "header"), "revision");
	if (!revision) {
		/* a page of a revision that is compacted by now: all over again */
		etcd->list_revision = 0;
		follow_failed(etcd, etcd_trouble_text(result, text));
		return;
	}
	kvs = json_object_get(json, "kvs");
	if (!page_follows(etcd, kvs, text)) {
		etcd->list_revision = 0;
		follow_failed(etcd, text);
		return;
	}
	if (!etcd->list_revision) {
		etcd->list_revision = revision;
		etcd->base.events->reset(etcd->base.userdata);
	}
	count = json_array_size(kvs);
	json_array_foreach(kvs, index, kv)
	{
		if (!kv_tell(etcd, kv, false)) {
			follow_is_full(etcd);
			return;
		}
	}
	free(etcd->page_key);
	etcd->page_key = NULL;
	if (json_is_true(json_object_get(json, "more")) && count) {
		etcd->page_key = etcd_key(json_array_get(kvs, count - 1));
	} else if (etcd->base.following) {
		/* a list that doesn't end is no answer */
		store_answered(&etcd->base);
		etcd->base.revision = etcd->list_revision;
		etcd->base.listing = false;
		etcd->base.events->synced(etcd->base.userdata);
	}
	etcd_follow(etcd);
}

static void follow_page(struct store_etcd *etcd)
{
	json_auto_t *json = NULL;
	char revision[24];

	if (!etcd->list_revision) {
		free(etcd->page_key);
		etcd->page_key = NULL;
	}
	snprintf(revision, sizeof(revision), "%" PRIu64, etcd->list_revision);
	json = json_pack(
		"{so so si ss}", "key",
		/* the next key after the last of a page is that with a zero byte behind it */
		etcd->page_key ? etcd_base64(etcd->page_key, strlen(etcd->page_key) + 1)
			       : etcd_base64(ETCD_PREFIX, strlen(ETCD_PREFIX)),
		"range_end", etcd_base64(ETCD_PREFIX_END, strlen(ETCD_PREFIX_END)), "limit", PAGE,
		"revision", revision);
	etcd->follow_call =
		etcd_post(etcd, etcd->follow_endpoint, "/v3/kv/range", json, on_page, NULL, etcd);
}

/* One message of the watch. False: the stream is over. */
static bool watch_message(struct store_etcd *etcd, const json_t *json)
{
	const json_t *result = json_object_get(json, "result"), *events;
	uint64_t revision = json_decimal(json_object_get(result, "header"), "revision");
	uint64_t shown = 0;
	json_t *event;
	size_t index;

	if (!result || json_is_true(json_object_get(result, "canceled"))) {
		if (json_decimal(result, "compact_revision")) {
			etcd->base.listing = true;
			etcd->list_revision = 0;
		}
		return false;
	}
	etcd->base.progress++;
	events = json_object_get(result, "events");
	json_array_foreach(events, index, event)
	{
		const json_t *kv = json_object_get(event, "kv");
		const char *type = json_string_value(json_object_get(event, "type"));

		if (!kv_tell(etcd, kv, type && !strcmp(type, "DELETE"))) {
			follow_is_full(etcd);
			return true;
		}
		/* the header's may be ahead of the events that are still to come */
		if (json_decimal(kv, "mod_revision") > shown)
			shown = json_decimal(kv, "mod_revision");
	}
	/* the rest of a revision may be in the next fragment */
	if (shown && !json_is_true(json_object_get(result, "fragment")))
		etcd->base.revision = shown;
	if (json_is_true(json_object_get(result, "created")) && revision)
		store_answered(&etcd->base);
	return true;
}

static size_t on_watch_data(const char *text, size_t length, void *userdata)
{
	struct store_etcd *etcd = userdata;
	struct http_call *call = etcd->follow_call;
	struct err why, said;
	const char *end;
	size_t used = 0;

	while ((end = memchr(text + used, '\n', length - used))) {
		json_auto_t *json = json_parse(text + used, end - (text + used), &why);
		bool ended = json && !watch_message(etcd, json);

		used = end - text + 1;
		if (!json)
			err_write(&said, "what its watch sent %s", why.text);
		else if (ended)
			err_write(&said, "its watch was %s",
				  etcd->base.listing ? "compacted away" : "ended");
		if (!json || ended) {
			http_cancel(call);
			etcd->follow_call = NULL;
			follow_failed(etcd, said.text);
			break;
		}
		/* what was told led to another stream */
		if (etcd->follow_call != call)
			break;
	}
	return used;
}

static void on_watch_done(const struct http_result *result, void *userdata)
{
	struct store_etcd *etcd = userdata;
	char text[HTTP_TROUBLE_MAX];

	etcd->follow_call = NULL;
	follow_failed(etcd, result->error || result->status != 200 ? etcd_trouble_text(result, text)
								   : "its watch was ended");
}

static void follow_watch(struct store_etcd *etcd)
{
	json_auto_t *json = NULL;
	char revision[24];

	snprintf(revision, sizeof(revision), "%" PRIu64, etcd->base.revision + 1);
	json = json_pack("{s:{so so ss sb}}", "create_request", "key",
			 etcd_base64(ETCD_PREFIX, strlen(ETCD_PREFIX)), "range_end",
			 etcd_base64(ETCD_PREFIX_END, strlen(ETCD_PREFIX_END)), "start_revision",
			 revision, "fragment", 1);
	etcd->follow_call = etcd_post(etcd, etcd->follow_endpoint, "/v3/watch", json, on_watch_done,
				      on_watch_data, etcd);
}

void etcd_follow(struct store_etcd *etcd)
{
	http_cancel(etcd->follow_call);
	etcd->follow_call = NULL;
	sd_event_source_set_enabled(etcd->follow_retry, SD_EVENT_OFF);
	if (!etcd->base.following)
		return;
	if (etcd->base.listing)
		follow_page(etcd);
	else
		follow_watch(etcd);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	etcd_follow(userdata);
	return 0;
}

static void follow_later(struct store_etcd *etcd, uint64_t usec)
{
	if (!etcd->base.following)
		return;
	sd_event_source_set_time_relative(etcd->follow_retry, usec);
	sd_event_source_set_enabled(etcd->follow_retry, SD_EVENT_ONESHOT);
}

void etcd_follow_set(struct store *store, bool follow)
{
	struct store_etcd *etcd = (struct store_etcd *)store;

	http_cancel(etcd->follow_call);
	etcd->follow_call = NULL;
	etcd->base.following = follow;
	etcd->base.listing = true;
	etcd->list_revision = 0;
	/* from the event loop: nothing is told from within */
	sd_event_source_set_time_relative(etcd->follow_retry, 0);
	sd_event_source_set_enabled(etcd->follow_retry, follow ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

int etcd_follow_init(struct store_etcd *etcd, sd_event *event)
{
	int r = sd_event_add_time_relative(event, &etcd->follow_retry, CLOCK_MONOTONIC, 0, 1000,
					   on_retry, etcd);

	etcd->base.store.follow = etcd_follow_set;
	return r < 0 ? r : sd_event_source_set_enabled(etcd->follow_retry, SD_EVENT_OFF);
}

void etcd_follow_close(struct store_etcd *etcd)
{
	http_cancel(etcd->follow_call);
	sd_event_source_disable_unref(etcd->follow_retry);
	free(etcd->page_key);
}
