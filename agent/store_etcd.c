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
	struct store store; /* first: it is cast to this */
	sd_event *event;
	struct http *http;
	const struct store_events *events;
	void *userdata;
	uint64_t timeout_ns, lag_ns;
	char **endpoints;
	size_t endpoint_count;
	size_t endpoint; /* for requests */
	bool troubled, answered;

	/* the stream: first a list, page by page, then a watch */
	struct http_call *call;
	sd_event_source *retry;
	size_t follow_endpoint;
	bool listing;
	uint64_t revision;	/* the stream has shown everything up to this */
	uint64_t list_revision; /* of the list's pages; 0: none came yet */
	char *page_key;		/* where the next page begins */

	/* does the stream show what was written? */
	sd_event_source *lag;
	uint64_t awaited; /* revision that the stream must have reached then */

	struct swap *swaps;
};

struct swap {
	struct swap *next;
	struct store_etcd *etcd;
	struct http_call *call;
	struct record record;
	uint64_t seen; /* the stream's revision when it was sent */
	size_t endpoint, tried;
};

static void cleanup_json(json_t **json)
{
	json_decref(*json);
}

static void trouble(struct store_etcd *etcd, const char *endpoint, const char *why)
{
	char text[512];

	if (etcd->troubled)
		return;
	etcd->troubled = true;
	snprintf(text, sizeof(text), "etcd at %s: %s", endpoint, why);
	etcd->events->reachable(text, etcd->userdata);
}

static void answered(struct store_etcd *etcd)
{
	if (!etcd->troubled && etcd->answered)
		return;
	etcd->troubled = false;
	etcd->answered = true;
	etcd->events->reachable(NULL, etcd->userdata);
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
	return http_post(etcd->http, url, body, etcd->timeout_ns, done, data, userdata);
}

static void follow(struct store_etcd *etcd);
static void follow_later(struct store_etcd *etcd);

/* From the beginning: what the stream missed isn't known. */
static void follow_anew(struct store_etcd *etcd)
{
	etcd->listing = true;
	etcd->list_revision = 0;
	free(etcd->page_key);
	etcd->page_key = NULL;
	follow(etcd);
}

/* Did the stream show what was written by now? Else its server is cut off from the others. */
static int on_lag(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct store_etcd *etcd = userdata;

	(void)source;
	(void)usec;
	if (etcd->listing || etcd->revision >= etcd->awaited)
		return 0;
	trouble(etcd, etcd->endpoints[etcd->follow_endpoint], "its watch lags behind");
	etcd->follow_endpoint = (etcd->follow_endpoint + 1) % etcd->endpoint_count;
	follow(etcd);
	return 0;
}

static void expect(struct store_etcd *etcd, uint64_t revision)
{
	int enabled;

	if (revision <= etcd->revision || etcd->listing)
		return;
	if (sd_event_source_get_enabled(etcd->lag, &enabled) >= 0 && enabled != SD_EVENT_OFF)
		return;
	etcd->awaited = revision;
	sd_event_source_set_time_relative(etcd->lag, etcd->lag_ns / 1000);
	sd_event_source_set_enabled(etcd->lag, SD_EVENT_ONESHOT);
}

static void swap_free(struct swap *swap)
{
	struct swap **at = &swap->etcd->swaps;

	while (*at != swap)
		at = &(*at)->next;
	*at = swap->next;
	http_cancel(swap->call);
	free(swap);
}

static void swap_end(struct swap *swap, int result)
{
	struct store_etcd *etcd = swap->etcd;
	struct record record = swap->record;

	swap_free(swap);
	etcd->events->swapped(&record, result, etcd->userdata);
}

static int swap_send(struct swap *swap);

static void on_swap(const struct http_result *result, void *userdata)
{
	struct swap *swap = userdata;
	struct store_etcd *etcd = swap->etcd;
	_cleanup_(cleanup_json) json_t *json = NULL;
	char text[256];
	uint64_t revision;

	swap->call = NULL;
	if (result->error || result->status != 200) {
		trouble(etcd, etcd->endpoints[swap->endpoint], trouble_text(result, text));
		if (etcd->endpoint == swap->endpoint)
			etcd->endpoint = (etcd->endpoint + 1) % etcd->endpoint_count;
		/* the server never had it: another may, at once */
		if (result->error == -ECONNREFUSED && ++swap->tried < etcd->endpoint_count &&
		    !swap_send(swap))
			return;
		swap_end(swap, result->error ?: -EIO);
		return;
	}
	json = json_loads(result->body, 0, NULL);
	revision = uint_member(json_object_get(json, "header"), "revision");
	if (!revision) {
		trouble(etcd, etcd->endpoints[swap->endpoint], "an answer that isn't etcd's");
		swap_end(swap, -EPROTO);
		return;
	}
	answered(etcd);
	/* below what was seen when it was sent: the store was put back, or is another one */
	if (revision < swap->seen)
		follow_anew(etcd);
	if (!json_is_true(json_object_get(json, "succeeded"))) {
		expect(etcd, revision);
		swap_end(swap, -EAGAIN);
		return;
	}
	expect(etcd, revision);
	swap->record.revision = revision;
	swap_end(swap, 0);
}

static int swap_send(struct swap *swap)
{
	struct store_etcd *etcd = swap->etcd;
	_cleanup_(cleanup_json) json_t *json = NULL;
	_cleanup_free_ char *value = record_to_json(&swap->record);
	char key[KEY_MAX], revision[24];

	key_format(&swap->record, key);
	snprintf(revision, sizeof(revision), "%" PRIu64, swap->record.revision);
	if (value)
		json = json_pack("{s:[{ss ss so ss}] s:[{s:{so so}}]}", "compare", "target", "MOD",
				 "result", "EQUAL", "key", base64_json(key), "mod_revision",
				 revision, "success", "request_put", "key", base64_json(key),
				 "value", base64_json(value));
	swap->endpoint = etcd->endpoint;
	swap->seen = etcd->listing ? 0 : etcd->revision;
	swap->call = etcd_post(etcd, swap->endpoint, "/v3/kv/txn", json, on_swap, NULL, swap);
	return swap->call ? 0 : -ENOMEM;
}

static int on_swap_failed(sd_event_source *source, void *userdata)
{
	sd_event_source_disable_unref(source);
	swap_end(userdata, -ENOMEM);
	return 0;
}

static void etcd_swap(struct store *store, const struct record *record)
{
	struct store_etcd *etcd = (struct store_etcd *)store;
	struct swap *swap = calloc(1, sizeof(*swap));
	sd_event_source *source;

	if (!swap)
		abort(); /* the answer that is owed could not be given */
	*swap = (struct swap){ .next = etcd->swaps, .etcd = etcd, .record = *record };
	etcd->swaps = swap;
	/* told later, never from within */
	if (swap_send(swap) < 0 &&
	    sd_event_add_defer(etcd->event, &source, on_swap_failed, swap) < 0)
		abort();
}

/* A key and value as etcd tells of them. */
static void kv_tell(struct store_etcd *etcd, const json_t *kv, bool deleted)
{
	const char *key64 = json_string_value(json_object_get(kv, "key"));
	const char *value64 = json_string_value(json_object_get(kv, "value"));
	_cleanup_free_ char *key = NULL, *value = NULL;
	struct record record = { .shape = RECORD_ABSENT };
	size_t length;

	if (!key64 || base64_decode(key64, &key, &length) < 0 || strlen(key) != length ||
	    !key_parse(key, &record))
		return;
	if (!deleted) {
		record.revision = uint_member(kv, "mod_revision");
		record.shape = RECORD_FOREIGN;
		/* an empty value is left out */
		if (value64 && !base64_decode(value64, &value, &length))
			record_from_json(&record, value, length);
	}
	etcd->events->record(&record, etcd->userdata);
}

static void follow_failed(struct store_etcd *etcd, const char *why)
{
	trouble(etcd, etcd->endpoints[etcd->follow_endpoint], why);
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
	answered(etcd);
	if (!etcd->list_revision) {
		etcd->list_revision = revision;
		etcd->events->reset(etcd->userdata);
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
		etcd->revision = etcd->list_revision;
		etcd->listing = false;
		etcd->events->synced(etcd->userdata);
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
		if (uint_member(result, "compact_revision"))
			etcd->listing = true;
		return false;
	}
	events = json_object_get(result, "events");
	json_array_foreach(events, index, event)
	{
		const json_t *kv = json_object_get(event, "kv");
		const char *type = json_string_value(json_object_get(event, "type"));

		kv_tell(etcd, kv, type && !strcmp(type, "DELETE"));
		/* the header's may be ahead of the events that are still to come */
		if (uint_member(kv, "mod_revision") > etcd->revision)
			etcd->revision = uint_member(kv, "mod_revision");
	}
	if (json_is_true(json_object_get(result, "created")) && revision)
		answered(etcd);
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
			follow_failed(etcd, etcd->listing ? "its watch was compacted away"
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

	snprintf(revision, sizeof(revision), "%" PRIu64, etcd->revision + 1);
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
	if (etcd->listing)
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

	if (!etcd)
		return;
	while (etcd->swaps)
		swap_free(etcd->swaps);
	http_free(etcd->http);
	sd_event_source_disable_unref(etcd->retry);
	sd_event_source_disable_unref(etcd->lag);
	sd_event_unref(etcd->event);
	for (size_t i = 0; i < etcd->endpoint_count; i++)
		free(etcd->endpoints[i]);
	free(etcd->endpoints);
	free(etcd->page_key);
	free(etcd);
}

static void cleanup_etcd(struct store_etcd **etcd)
{
	etcd_free(&(*etcd)->store);
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
	etcd->store = (struct store){ .swap = etcd_swap, .free = etcd_free };
	etcd->event = sd_event_ref(event);
	etcd->events = events;
	etcd->userdata = userdata;
	etcd->timeout_ns = timeout_ns;
	etcd->lag_ns = config->timing.retry_period_ns;
	r = endpoints_copy(etcd, config->endpoints, err);
	if (r < 0)
		return r;
	r = http_new(event, &tls, &etcd->http, err);
	if (r < 0)
		return r;
	r = sd_event_add_time_relative(event, &etcd->retry, CLOCK_MONOTONIC, 0, 1000, on_retry,
				       etcd);
	if (r >= 0)
		r = sd_event_add_time_relative(event, &etcd->lag, CLOCK_MONOTONIC, 0, 1000, on_lag,
					       etcd);
	if (r >= 0)
		r = sd_event_source_set_enabled(etcd->lag, SD_EVENT_OFF);
	if (r < 0)
		return err_set(err, r, "a timer can't be made: %s", strerror(-r));
	/* the first stream begins from the event loop, by the retry timer: nothing is told before
	 * the caller has what it made */
	etcd->listing = true;
	*ret_store = &etcd->store;
	etcd = NULL;
	return 0;
}
