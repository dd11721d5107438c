// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <jansson.h>

#include "base64.h"
#include "cleanup.h"
#include "http.h"
#include "record_json.h"
#include "store_base.h"
#include "store_etcd.h"

/* Records are /xdp-l2resp/claim/ADDRESS and /xdp-l2resp/node/NAME. */
#define PREFIX		"/xdp-l2resp/"
#define PREFIX_END	"/xdp-l2resp0" /* the first key past the prefix: '0' follows '/' */
#define CLAIM_PREFIX	PREFIX "claim/"
#define NODE_PREFIX	PREFIX "node/"
#define KEY_MAX		(sizeof(CLAIM_PREFIX) + LEASE_NODE_MAX)
#define PAGE		10000
#define FOLLOW_RETRY_NS (200 * 1000000ULL)

struct store_etcd {
	struct store_base base; /* first: it is cast to this */
	struct http *http;
	uint64_t timeout_ns;
	char **endpoints;
	size_t endpoint_count;
	size_t endpoint; /* for requests */

	/* the stream: first a list, page by page, then a watch */
	struct http_call *call;
	sd_event_source *retry;
	size_t follow_endpoint;
	uint64_t list_revision; /* of the list's pages; 0: none came yet */
	char *page_key;		/* where the next page begins */
};

static void cleanup_json(json_t **json)
{
	json_decref(*json);
}

static void trouble(struct store_etcd *etcd, size_t endpoint, const char *why)
{
	store_trouble(&etcd->base, "etcd at %s: %s", etcd->endpoints[endpoint], why);
}

/* The server's own words where it gave any. */
static const char *trouble_text(const struct http_result *result, char text[256])
{
	_cleanup_(cleanup_json) json_t *json = NULL;
	const char *message;

	if (result->error)
		return result->trouble;
	json = json_loads(result->body, 0, NULL);
	message = json_string_value(json_object_get(json, "error"));
	snprintf(text, 256, "HTTP status %ld%s%s", result->status, message ? ": " : "",
		 message ?: "");
	return text;
}

/* etcd's JSON has 64-bit integers as strings, and leaves zeros out. */
static uint64_t uint_member(const json_t *json, const char *name)
{
	const char *text = json_string_value(json_object_get(json, name));

	return text ? strtoull(text, NULL, 10) : 0;
}

/* Kind, address and node of the key's record. False: it is none of ours. */
static bool key_parse(const char *key, struct record *record)
{
	const char *name;

	if (!strncmp(key, NODE_PREFIX, strlen(NODE_PREFIX))) {
		name = key + strlen(NODE_PREFIX);
		record->kind = RECORD_HEARTBEAT;
		if (!*name || strlen(name) > LEASE_NODE_MAX)
			return false;
		node_name_copy(record->node, name);
		return true;
	}
	if (strncmp(key, CLAIM_PREFIX, strlen(CLAIM_PREFIX)) != 0)
		return false;
	name = key + strlen(CLAIM_PREFIX);
	record->kind = RECORD_CLAIM;
	if (inet_pton(AF_INET6, name, record->address.bytes) == 1) {
		char text[INET6_ADDRSTRLEN];

		/* one spelling is the address's; a mapped IPv4 one is another's */
		return !strcmp(address_format(&record->address, text), name);
	}
	memset(record->address.bytes, 0, sizeof(record->address.bytes));
	record->address.bytes[10] = record->address.bytes[11] = 0xff;
	return inet_pton(AF_INET, name, record->address.bytes + 12) == 1;
}

static void key_format(const struct record *record, char key[KEY_MAX])
{
	char text[INET6_ADDRSTRLEN];

	if (record->kind == RECORD_CLAIM)
		snprintf(key, KEY_MAX, CLAIM_PREFIX "%s", address_format(&record->address, text));
	else
		snprintf(key, KEY_MAX, NODE_PREFIX "%s", record->node);
}

static json_t *base64_json(const char *text)
{
	_cleanup_free_ char *encoded = base64_encode(text, strlen(text));

	return encoded ? json_string(encoded) : NULL;
}

static struct http_call *etcd_post(struct store_etcd *etcd, size_t endpoint, const char *path,
				   const json_t *json, http_done_fn *done, http_data_fn *data,
				   void *userdata)
{
	_cleanup_free_ char *body = json ? json_dumps(json, JSON_COMPACT) : NULL;
	char url[1024];

	if (!body)
		return NULL;
	snprintf(url, sizeof(url), "%s%s", etcd->endpoints[endpoint], path);
	return http_send(etcd->http, &(struct http_request){ .url = url,
							     .body = body,
							     .timeout_ns = etcd->timeout_ns,
							     .done = done,
							     .data = data,
							     .userdata = userdata });
}

static void follow(struct store_etcd *etcd);
static void follow_later(struct store_etcd *etcd);

/* From the beginning: what the stream missed isn't known. */
static void follow_anew(struct store_etcd *etcd)
{
	etcd->base.listing = true;
	etcd->list_revision = 0;
	free(etcd->page_key);
	etcd->page_key = NULL;
	follow(etcd);
}

static void etcd_lags(struct store_base *base, bool again)
{
	struct store_etcd *etcd = (struct store_etcd *)base;

	(void)again; /* every answer has the store's revision: none can be waited for in vain */
	trouble(etcd, etcd->follow_endpoint, "its watch lags behind");
	etcd->follow_endpoint = (etcd->follow_endpoint + 1) % etcd->endpoint_count;
	follow(etcd);
}

static int swap_send(struct store_swap *swap);

static void on_swap(const struct http_result *result, void *userdata)
{
	struct store_swap *swap = userdata;
	struct store_etcd *etcd = (struct store_etcd *)swap->base;
	_cleanup_(cleanup_json) json_t *json = NULL;
	char text[256];
	uint64_t revision;

	swap->call = NULL;
	if (result->error || result->status != 200) {
		trouble(etcd, swap->endpoint, trouble_text(result, text));
		if (etcd->endpoint == swap->endpoint)
			etcd->endpoint = (etcd->endpoint + 1) % etcd->endpoint_count;
		/* the server never had it: another may, at once */
		if (result->error == -ECONNREFUSED && ++swap->tried < etcd->endpoint_count &&
		    !swap_send(swap))
			return;
		store_swap_end(swap, result->error ?: -EIO);
		return;
	}
	json = json_loads(result->body, 0, NULL);
	revision = uint_member(json_object_get(json, "header"), "revision");
	if (!revision) {
		trouble(etcd, swap->endpoint, "an answer that isn't etcd's");
		store_swap_end(swap, -EPROTO);
		return;
	}
	store_answered(&etcd->base);
	/* below what was seen when it was sent: the store was put back, or is another one */
	if (revision < swap->seen)
		follow_anew(etcd);
	store_expect(&etcd->base, revision);
	if (!json_is_true(json_object_get(json, "succeeded"))) {
		store_swap_end(swap, -EAGAIN);
		return;
	}
	swap->record.revision = revision;
	store_swap_end(swap, 0);
}

/* The wall clock, for people; nobody compares it with anything. */
static const char *time_format(char text[32])
{
	time_t now = time(NULL);
	struct tm tm;

	strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	return text;
}

static int swap_send(struct store_swap *swap)
{
	struct store_etcd *etcd = (struct store_etcd *)swap->base;
	_cleanup_(cleanup_json) json_t *json = NULL, *contents = record_to_json(&swap->record);
	_cleanup_free_ char *value = NULL;
	char key[KEY_MAX], revision[24], now[32];

	key_format(&swap->record, key);
	snprintf(revision, sizeof(revision), "%" PRIu64, swap->record.revision);
	if (contents && !json_object_set_new(contents, "written", json_string(time_format(now))))
		value = json_dumps(contents, JSON_COMPACT);
	if (value)
		json = json_pack("{s:[{ss ss so ss}] s:[{s:{so so}}]}", "compare", "target", "MOD",
				 "result", "EQUAL", "key", base64_json(key), "mod_revision",
				 revision, "success", "request_put", "key", base64_json(key),
				 "value", base64_json(value));
	swap->endpoint = etcd->endpoint;
	swap->call = etcd_post(etcd, swap->endpoint, "/v3/kv/txn", json, on_swap, NULL, swap);
	return swap->call ? 0 : -ENOMEM;
}

/* A key and value as etcd tells of them. */
static void kv_tell(struct store_etcd *etcd, const json_t *kv, bool deleted)
{
	const char *key64 = json_string_value(json_object_get(kv, "key"));
	const char *value64 = json_string_value(json_object_get(kv, "value"));
	_cleanup_free_ char *key = NULL, *value = NULL;
	_cleanup_(cleanup_json) json_t *json = NULL;
	struct record record = { .shape = RECORD_ABSENT };
	size_t length;

	if (!key64 || base64_decode(key64, &key, &length) < 0 || strlen(key) != length ||
	    !key_parse(key, &record))
		return;
	if (!deleted) {
		record.revision = uint_member(kv, "mod_revision");
		/* an empty value is left out */
		if (value64 && !base64_decode(value64, &value, &length))
			json = json_loadb(value, length, 0, NULL);
		record_from_json(&record, json);
	}
	etcd->base.events->record(&record, etcd->base.userdata);
}

static void follow_failed(struct store_etcd *etcd, const char *why)
{
	trouble(etcd, etcd->follow_endpoint, why);
	etcd->follow_endpoint = (etcd->follow_endpoint + 1) % etcd->endpoint_count;
	follow_later(etcd);
}

static void on_page(const struct http_result *result, void *userdata)
{
	struct store_etcd *etcd = userdata;
	_cleanup_(cleanup_json) json_t *json = NULL;
	const json_t *kvs, *last;
	size_t index, count, length;
	json_t *kv;
	char text[256];
	uint64_t revision;

	etcd->call = NULL;
	json = json_loads(result->body, 0, NULL);
	revision = uint_member(json_object_get(json, "header"), "revision");
	if (result->error || result->status != 200 || !revision) {
		/* a page of a revision that is compacted by now: all over again */
		etcd->list_revision = 0;
		follow_failed(etcd, trouble_text(result, text));
		return;
	}
	store_answered(&etcd->base);
	if (!etcd->list_revision) {
		etcd->list_revision = revision;
		etcd->base.events->reset(etcd->base.userdata);
	}
	kvs = json_object_get(json, "kvs");
	count = json_array_size(kvs);
	json_array_foreach(kvs, index, kv) kv_tell(etcd, kv, false);
	free(etcd->page_key);
	etcd->page_key = NULL;
	if (json_is_true(json_object_get(json, "more")) && count) {
		last = json_array_get(kvs, count - 1);
		base64_decode(json_string_value(json_object_get(last, "key")) ?: "",
			      &etcd->page_key, &length);
	} else {
		etcd->base.revision = etcd->list_revision;
		etcd->base.listing = false;
		etcd->base.events->synced(etcd->base.userdata);
	}
	follow(etcd);
}

static void follow_page(struct store_etcd *etcd)
{
	_cleanup_(cleanup_json) json_t *json = NULL;
	_cleanup_free_ char *key = NULL;
	char revision[24];

	if (!etcd->list_revision) {
		free(etcd->page_key);
		etcd->page_key = NULL;
	}
	/* the next key after the last of a page is that with a zero byte behind it */
	key = etcd->page_key ? base64_encode(etcd->page_key, strlen(etcd->page_key) + 1)
			     : base64_encode(PREFIX, strlen(PREFIX));
	snprintf(revision, sizeof(revision), "%" PRIu64, etcd->list_revision);
	if (key)
		json = json_pack("{ss so si ss}", "key", key, "range_end", base64_json(PREFIX_END),
				 "limit", PAGE, "revision", revision);
	etcd->call =
		etcd_post(etcd, etcd->follow_endpoint, "/v3/kv/range", json, on_page, NULL, etcd);
}

/* One message of the watch. False: the stream is over. */
static bool watch_message(struct store_etcd *etcd, const json_t *json)
{
	const json_t *result = json_object_get(json, "result"), *events;
	uint64_t revision = uint_member(json_object_get(result, "header"), "revision");
	json_t *event;
	size_t index;

	if (!result || json_is_true(json_object_get(result, "canceled"))) {
		if (uint_member(result, "compact_revision")) {
			etcd->base.listing = true;
			etcd->list_revision = 0;
		}
		return false;
	}
	events = json_object_get(result, "events");
	json_array_foreach(events, index, event)
	{
		const json_t *kv = json_object_get(event, "kv");
		const char *type = json_string_value(json_object_get(event, "type"));

		kv_tell(etcd, kv, type && !strcmp(type, "DELETE"));
		/* the header's may be ahead of the events that are still to come */
		if (uint_member(kv, "mod_revision") > etcd->base.revision)
			etcd->base.revision = uint_member(kv, "mod_revision");
	}
	if (json_is_true(json_object_get(result, "created")) && revision)
		store_answered(&etcd->base);
	return true;
}

static size_t on_watch_data(const char *text, size_t length, void *userdata)
{
	struct store_etcd *etcd = userdata;
	struct http_call *call = etcd->call;
	const char *end;
	size_t used = 0;

	while ((end = memchr(text + used, '\n', length - used))) {
		_cleanup_(cleanup_json) json_t *json =
			json_loadb(text + used, end - (text + used), 0, NULL);

		used = end - text + 1;
		if (!json || !watch_message(etcd, json)) {
			http_cancel(call);
			etcd->call = NULL;
			follow_failed(etcd, etcd->base.listing ? "its watch was compacted away"
							       : "its watch was ended");
			break;
		}
		/* what was told led to another stream */
		if (etcd->call != call)
			break;
	}
	return used;
}

static void on_watch_done(const struct http_result *result, void *userdata)
{
	struct store_etcd *etcd = userdata;
	char text[256];

	etcd->call = NULL;
	follow_failed(etcd, result->error || result->status != 200 ? trouble_text(result, text)
								   : "its watch was ended");
}

static void follow_watch(struct store_etcd *etcd)
{
	_cleanup_(cleanup_json) json_t *json = NULL;
	char revision[24];

	snprintf(revision, sizeof(revision), "%" PRIu64, etcd->base.revision + 1);
	json = json_pack("{s:{so so ss}}", "create_request", "key", base64_json(PREFIX),
			 "range_end", base64_json(PREFIX_END), "start_revision", revision);
	etcd->call = etcd_post(etcd, etcd->follow_endpoint, "/v3/watch", json, on_watch_done,
			       on_watch_data, etcd);
}

/* Goes on with the list or the watch, on another connection than before. */
static void follow(struct store_etcd *etcd)
{
	http_cancel(etcd->call);
	etcd->call = NULL;
	sd_event_source_set_enabled(etcd->retry, SD_EVENT_OFF);
	if (etcd->base.listing)
		follow_page(etcd);
	else
		follow_watch(etcd);
	if (!etcd->call)
		follow_later(etcd);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	follow(userdata);
	return 0;
}

static void follow_later(struct store_etcd *etcd)
{
	sd_event_source_set_time_relative(etcd->retry, FOLLOW_RETRY_NS / 1000);
	sd_event_source_set_enabled(etcd->retry, SD_EVENT_ONESHOT);
}

static void etcd_free(struct store *store)
{
	struct store_etcd *etcd = (struct store_etcd *)store;

	store_base_close(&etcd->base);
	http_free(etcd->http);
	sd_event_source_disable_unref(etcd->retry);
	for (size_t i = 0; i < etcd->endpoint_count; i++)
		free(etcd->endpoints[i]);
	free(etcd->endpoints);
	free(etcd->page_key);
	free(etcd);
}

static void cleanup_etcd(struct store_etcd **etcd)
{
	if (*etcd)
		etcd_free(&(*etcd)->base.store);
}

static int endpoints_copy(struct store_etcd *etcd, const char *const *endpoints, struct err *err)
{
	size_t count = 0;

	while (endpoints && endpoints[count])
		count++;
	if (!count)
		return err_set(err, -EINVAL, "the lease engine etcd needs endpoints");
	etcd->endpoints = calloc(count, sizeof(*etcd->endpoints));
	if (!etcd->endpoints)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < count; i++) {
		size_t length = strlen(endpoints[i]);

		if ((strncmp(endpoints[i], "http://", 7) != 0 &&
		     strncmp(endpoints[i], "https://", 8) != 0) ||
		    length > 512)
			return err_set(err, -EINVAL, "%s is no http:// or https:// endpoint",
				       endpoints[i]);
		while (endpoints[i][length - 1] == '/')
			length--;
		etcd->endpoints[i] = strndup(endpoints[i], length);
		if (!etcd->endpoints[i])
			return err_set(err, -ENOMEM, "out of memory");
		etcd->endpoint_count++;
	}
	return 0;
}

int store_etcd_new(sd_event *event, const struct lease_config *config, uint64_t timeout_ns,
		   const struct store_events *events, void *userdata, struct store **ret_store,
		   struct err *err)
{
	_cleanup_(cleanup_etcd) struct store_etcd *etcd = calloc(1, sizeof(*etcd));
	const struct http_tls tls = { config->ca, config->cert, config->key };
	int r;

	if (!etcd)
		return err_set(err, -ENOMEM, "out of memory");
	etcd->base.store.free = etcd_free;
	etcd->base.send = swap_send;
	etcd->base.lags = etcd_lags;
	etcd->timeout_ns = timeout_ns;
	r = store_base_init(&etcd->base, event, config->timing.retry_period_ns, events, userdata,
			    err);
	r = r ?: endpoints_copy(etcd, config->endpoints, err);
	r = r ?: http_new(event, &tls, &etcd->http, err);
	if (r < 0)
		return r;
	r = sd_event_add_time_relative(event, &etcd->retry, CLOCK_MONOTONIC, 0, 1000, on_retry,
				       etcd);
	if (r < 0)
		return err_set(err, r, "a timer can't be made: %s", strerror(-r));
	/* the first stream begins from the event loop, by the retry timer: nothing is told before
	 * the caller has what it made */
	*ret_store = &etcd->base.store;
	etcd = NULL;
	return 0;
}
