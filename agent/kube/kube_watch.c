// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "alloc.h"
#include "cleanup.h"
#include "clock.h"
#include "json.h"
#include "kube.h"
#include "kube_state.h"
#include "loop.h"

/*
 * A watch lists the collection page by page, all as of one moment. The request names no
 * resourceVersion, since with one the server may answer from an outdated cache. Then changes and
 * bookmarks are streamed from the list's resourceVersion on. A bookmark moves the point from which
 * a broken stream resumes. 410: the server no longer has that point.
 */

/* Levels of an object down to its labels and annotations, and of the document around it. */
#define METADATA_LEVELS 3
#define LIST_LEVELS	2
#define EVENT_LEVELS	1

#define PAGE	     250
#define LARGE	     1000000 /* bytes: a larger page takes long, and isn't a proxy's message */
#define LIST_MAX     500000  /* objects: limit of a list, which might not end otherwise */
#define RETRY_MIN_NS (100 * UINT64_C(1000000))
#define SILENCE_NS   (150 * CLOCK_NS_PER_S) /* a bookmark comes every minute or so */

struct kube_watch {
	struct kube *kube;
	const struct kube_watch_events *events;
	void *userdata;
	char *path, *query;
	struct http_call *call;
	sd_event_source *retry;
	uint64_t retry_ns; /* the last back-off */
	bool listing;
	bool streamed;	    /* a message came since the last list */
	unsigned int page;  /* maximum number of objects per page */
	char *next_page;    /* as part of a URL; NULL: the list begins */
	unsigned int pages; /* of the list that have come */
	uint64_t version;   /* resourceVersion to resume from */
};

static void watch_go_on(struct kube_watch *watch);

static unsigned int page_max(const struct kube_watch *watch)
{
	return watch->events->page ?: PAGE;
}

uint64_t kube_watch_version(const struct kube_watch *watch)
{
	return watch->listing ? 0 : watch->version;
}

static uint64_t random_below(uint64_t limit)
{
	uint64_t number = 0;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		number = 0;
	return number % limit;
}

/* Retries after twice the last back-off, times a random 0.5 to 1.5: many nodes lose their streams
 * at once. */
static void watch_later(struct kube_watch *watch)
{
	uint64_t next = 2 * watch->retry_ns;

	next = next < watch->kube->retry_max_ns ? next : watch->kube->retry_max_ns;
	watch->retry_ns = next > RETRY_MIN_NS ? next : RETRY_MIN_NS;
	next = watch->retry_ns / 2 + random_below(watch->retry_ns);
	loop_timer_after(watch->retry, next / 1000);
}

static void watch_failed(struct kube_watch *watch, const char *why)
{
	watch->events->reachable(why, watch->userdata);
	watch_later(watch);
}

/* Begins with a list again: changes may have been missed. */
static void watch_forget(struct kube_watch *watch)
{
	watch->listing = true;
	free(watch->next_page);
	watch->next_page = NULL;
}

/* The server no longer has what followed @version (410). After an outage that is usual: the list
 * follows at once. Directly after a list it may be so for ever, and the back-off stays. */
static void watch_gone(struct kube_watch *watch)
{
	watch_forget(watch);
	if (watch->streamed)
		watch->retry_ns = 0;
}

/* The @version for reset(): of a list that is older than what the stream has shown, all counts. */
static uint64_t list_version(const struct kube_watch *watch, uint64_t version)
{
	return version < watch->version ? UINT64_MAX : version;
}

/* Parses a page's objects one by one, so that one doesn't hide the others. False with @err: one
 * can't be reported. */
static bool page_objects(const struct kube_watch *watch, const struct http_result *result,
			 struct err *err)
{
	struct json_walk walk = { .text = result->body, .length = result->length };
	const char *text;
	size_t length;
	struct err none;

	while (json_next_element(&walk, &text, &length)) {
		_cleanup_json_ json_t *object = json_parse(text, length, err), *outline = NULL;

		if (object) {
			watch->events->object(object, false, watch->userdata);
			continue;
		}
		if (watch->events->unparsed)
			outline = json_outline(text, length, METADATA_LEVELS, &none);
		if (!outline)
			return false;
		watch->events->unparsed(outline, err->text, watch->userdata);
	}
	return true;
}

static void on_page(const struct http_result *result, void *userdata)
{
	struct kube_watch *watch = userdata;
	_cleanup_json_ json_t *json = NULL;
	const char *next;
	uint64_t version;
	bool first = !watch->next_page;
	struct err why, said;
	char text[HTTP_TROUBLE_MAX];

	watch->call = NULL;
	/* after any failure below, the list begins again with its first page */
	watch_forget(watch);
	if (!result->error && result->status == 200)
		json = json_outline(result->body, result->length, LIST_LEVELS, &why);
	version = kube_version(json);
	if (!result->error && result->status == 404 && watch->events->missing) {
		if (watch->events->missing(watch->userdata))
			watch_go_on(watch);
		else
			watch_later(watch);
		return;
	}
	if (!version) {
		/* the page may be too large or too slow: halve it */
		if (result->status == 200 && watch->page > 1 &&
		    (result->error || result->length > LARGE)) {
			watch->page /= 2;
			watch->retry_ns = 0;
		}
		watch_failed(watch, kube_trouble(result, text));
		return;
	}
	watch->pages = first ? 1 : watch->pages + 1;
	if (watch->pages > LIST_MAX / watch->page) {
		watch_failed(watch, "its list doesn't end");
		return;
	}
	if (first)
		watch->events->reset(list_version(watch, version), watch->userdata);
	if (!page_objects(watch, result, &why)) {
		err_write(&said, "an object of its list %s", why.text);
		watch_failed(watch, said.text);
		return;
	}
	if (result->length > LARGE && watch->page > 1)
		watch->page /= 2;
	watch->version = version;
	next = json_string_value(json_object_get(json_object_get(json, "metadata"), "continue"));
	if (next && *next) {
		watch->next_page = http_escape(next);
	} else {
		/* don't reset the back-off yet: the server may not have what to watch from */
		watch->events->reachable(NULL, watch->userdata);
		watch->listing = watch->streamed = false;
		watch->page = 2 * watch->page < page_max(watch) ? 2 * watch->page : page_max(watch);
		watch->events->synced(watch->userdata);
	}
	watch_go_on(watch);
}

/* Handles one message of the stream; @fault: why it can't be parsed, @json is its outline; NULL: it
 * can. False: the stream has failed, which was reported. */
static bool watch_message(struct kube_watch *watch, const json_t *json, const char *fault)
{
	const char *type = json_string_value(json_object_get(json, "type")) ?: "";
	const json_t *object = json_object_get(json, "object");
	uint64_t version = kube_version(object);
	const char *message;

	if (!strcmp(type, "ERROR") || !version) {
		if (json_integer_value(json_object_get(object, "code")) == 410)
			watch_gone(watch);
		message = json_string_value(json_object_get(object, "message"));
		watch_failed(watch, message ?: "its watch sent what isn't Kubernetes'");
		return false;
	}
	watch->retry_ns = 0;
	watch->streamed = true;
	/* versions of a stream only increase: this was reported already */
	if (version <= watch->version)
		return true;
	watch->version = version;
	if (!strcmp(type, "DELETED"))
		watch->events->object(object, true, watch->userdata);
	else if (fault)
		watch->events->unparsed(object, fault, watch->userdata);
	else if (strcmp(type, "BOOKMARK") != 0)
		watch->events->object(object, false, watch->userdata);
	return true;
}

static void on_watch_line(const char *line, size_t length, void *userdata)
{
	struct kube_watch *watch = userdata;
	_cleanup_json_ json_t *json = NULL;
	const char *fault = NULL;
	struct err why, said;

	/* don't reset the back-off yet: a stream may end as soon as it has begun */
	if (watch->retry_ns)
		watch->events->reachable(NULL, watch->userdata);
	if (!line)
		return;
	json = json_parse(line, length, &why);
	if (!json && watch->events->unparsed) {
		fault = why.text;
		json = json_outline(line, length, EVENT_LEVELS + METADATA_LEVELS, &said);
	}
	if (!json) {
		err_write(&said, "what its watch sent after resourceVersion %" PRIu64 " %s",
			  watch->version, why.text);
		watch_failed(watch, said.text);
	}
	if (json && watch_message(watch, json, fault))
		return;
	http_cancel(watch->call);
	watch->call = NULL;
}

static void on_watch_done(const struct http_result *result, void *userdata)
{
	struct kube_watch *watch = userdata;
	char text[HTTP_TROUBLE_MAX];

	watch->call = NULL;
	if (!result->error && result->status == 404 && watch->events->missing) {
		/* not served any more: the next list gets 404 too, and reports it */
		watch_forget(watch);
		watch_later(watch);
		return;
	}
	if (result->status == 410)
		watch_gone(watch);
	else if (result->error == -ETIMEDOUT && result->status == 200)
		/* no bookmark either: the server may have been restored to an earlier state, so
		 * list again. (Without status 200 the stream never began.) */
		watch_forget(watch);
	if (!result->error && result->status == 200)
		watch_later(watch); /* the server ended it after its usual time limit */
	else
		watch_failed(watch, kube_trouble(result, text));
}

/* Asks for the next page, or the stream. */
static void watch_go_on(struct kube_watch *watch)
{
	_cleanup_free_ char *path = NULL;
	struct http_request request = { .method = "GET", .userdata = watch };
	const char *join = strchr(watch->path, '?') ? "&" : "?";

	loop_timer_after(watch->retry, LOOP_NEVER);
	if (watch->listing) {
		request.done = on_page;
		path = xasprintf("%s%slimit=%u%s%s", watch->path, join, watch->page,
				 watch->next_page ? "&continue=" : "", watch->next_page ?: "");
	} else {
		request.done = on_watch_done;
		request.line = on_watch_line;
		request.silence_ns = SILENCE_NS;
		path = xasprintf("%s%swatch=1&allowWatchBookmarks=true&resourceVersion=%" PRIu64
				 "%s%s",
				 watch->path, join, watch->version, watch->query ? "&" : "",
				 watch->query ?: "");
	}
	watch->call = kube_send(watch->kube, &request, path);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	watch_go_on(userdata);
	return 0;
}

void kube_watch_move(struct kube_watch *watch, const char *path)
{
	free(watch->path);
	watch->path = xstrdup(path);
}

void kube_watch_narrow(struct kube_watch *watch, const char *query)
{
	watch->query = xstrdup(query);
}

void kube_watch_restart(struct kube_watch *watch, bool anew)
{
	http_cancel(watch->call);
	watch->call = NULL;
	if (anew)
		watch_forget(watch);
	watch_later(watch);
}

void kube_watch_free(struct kube_watch *watch)
{
	if (!watch)
		return;
	http_cancel(watch->call);
	sd_event_source_disable_unref(watch->retry);
	free(watch->next_page);
	free(watch->path);
	free(watch->query);
	free(watch);
}

int kube_watch_new(struct kube *kube, const char *path, const struct kube_watch_events *events,
		   void *userdata, struct kube_watch **ret_watch, struct err *err)
{
	struct kube_watch *watch = xcalloc(1, sizeof(*watch));
	int r;

	*watch = (struct kube_watch){
		.kube = kube,
		.events = events,
		.userdata = userdata,
		.path = xstrdup(path),
		.listing = true,
	};
	watch->page = page_max(watch);
	/* begins in the event loop */
	r = loop_timer_new(kube->event, 0, on_retry, watch, &watch->retry);
	if (r < 0) {
		kube_watch_free(watch);
		return err_set(err, r, "a watch can't be made: %s", strerror(-r));
	}
	*ret_watch = watch;
	return 0;
}
