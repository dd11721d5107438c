// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "alloc.h"
#include "cleanup.h"
#include "clock.h"
#include "cluster_events.h"
#include "loop.h"
#include "rate.h"
#include "text.h"
#include "text_hash.h"

/* The server deletes Events after --event-ttl (default 1 h): an older Event isn't patched. */
#define TTL_NS (3000 * CLOCK_NS_PER_S)
/* Retry interval after no answer or a temporary error. */
#define PAUSE_NS (10 * CLOCK_NS_PER_S)
/* Maximum number of addresses with Events in the last TTL_NS. */
#define EVENT_SUBJECTS_MAX 1024
#define BUCKETS		   256
/* Namespaces share the Events and the rate, by a hash of their names. */
#define SHARES 64

#define COMPONENT "xdp-l2respd"

static const struct rate of_address = { 60 * CLOCK_NS_PER_S, 5 };
static const struct rate of_all = { CLOCK_NS_PER_S / 5, 25 };

struct event_text {
	char *message; /* NULL: none */
	const char *reason;
	bool warning;
	struct timespec first, last;
	unsigned int count;
};

/* An address of a Service. An Event goes from due to sending to written. */
struct event_subject {
	struct event_subject *next; /* in its bucket */
	struct event_subject
		*queued; /* next in the queue, which has the subjects with a due Event */
	char *namespace, *service, *uid;
	struct share *share; /* of its namespace */
	struct address address;
	uint64_t spent_ns; /* of_address */
	uint64_t used_ns;  /* when it last got an Event or one was written */
	struct event_text due, sending, written;
	char name[96]; /* of the written Event */
	uint64_t written_ns;
};

struct share {
	size_t count;	    /* of subjects */
	uint64_t served_ns; /* when the last Event was written */
};

struct cluster_events {
	struct kube *kube;
	char *node;
	cluster_events_log_fn *log;
	void *userdata;
	sd_event_source *timer;
	struct event_subject *buckets[BUCKETS];
	struct share shares[SHARES];
	size_t count;
	struct event_subject *queue, **queue_end;
	struct event_subject *current; /* whose Event is being written */
	struct http_call *call;
	uint64_t spent_ns;  /* of_all */
	uint64_t pause_ns;  /* nothing is sent before */
	struct err trouble; /* logged last; empty: none */
	bool full;
};

static void event_text_free(struct event_text *text)
{
	free(text->message);
	*text = (struct event_text){};
}

/* Moves @from to @to, which is freed before. */
static void event_text_move(struct event_text *to, struct event_text *from)
{
	event_text_free(to);
	*to = *from;
	*from = (struct event_text){};
}

static bool event_text_is(const struct event_text *text, const char *reason, const char *message)
{
	return text->message && !strcmp(text->reason, reason) && !strcmp(text->message, message);
}

static void event_subject_free(struct event_subject *subject)
{
	subject->share->count--;
	event_text_free(&subject->due);
	event_text_free(&subject->sending);
	event_text_free(&subject->written);
	free(subject->namespace);
	free(subject->service);
	free(subject->uid);
	free(subject);
}

/* Frees subjects unused for TTL_NS, whose Event has expired by then. Keeps those with an Event due
 * or being written. @all: frees everything. */
static void event_subjects_free(struct cluster_events *events, bool all)
{
	uint64_t now_ns = clock_boot_ns();

	for (size_t i = 0; i < BUCKETS; i++) {
		struct event_subject **at = &events->buckets[i];

		while (*at) {
			struct event_subject *subject = *at;

			if (!all && (subject->due.message || subject == events->current ||
				     now_ns < subject->used_ns + TTL_NS)) {
				at = &subject->next;
				continue;
			}
			*at = subject->next;
			event_subject_free(subject);
			events->count--;
		}
	}
}

static void enqueue(struct cluster_events *events, struct event_subject *subject)
{
	subject->queued = NULL;
	*events->queue_end = subject;
	events->queue_end = &subject->queued;
}

static void dequeue(struct cluster_events *events, struct event_subject **at)
{
	*at = (*at)->queued;
	if (!*at)
		events->queue_end = at;
}

/* Frees the oldest subject of the largest share. False: @share is as large as any. */
static bool event_subject_displace(struct cluster_events *events, const struct share *share)
{
	struct event_subject **oldest = NULL, *subject;

	for (size_t i = 0; i < SHARES; i++)
		if (events->shares[i].count > share->count)
			share = &events->shares[i];
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct event_subject **at = &events->buckets[i]; *at; at = &(*at)->next)
			if ((*at)->share == share && *at != events->current &&
			    (!oldest || (*at)->used_ns < (*oldest)->used_ns))
				oldest = at;
	subject = oldest ? *oldest : NULL;
	if (!subject)
		return false;
	for (struct event_subject **at = &events->queue; *at; at = &(*at)->queued)
		if (*at == subject) {
			dequeue(events, at);
			break;
		}
	*oldest = subject->next;
	event_subject_free(subject);
	events->count--;
	return true;
}

static struct event_subject *event_subject_get(struct cluster_events *events,
					       const struct source_event *event)
{
	const struct service *service = event->service;
	struct event_subject **bucket = &events->buckets[address_hash(event->address) % BUCKETS];
	struct event_subject *subject = *bucket;
	struct share *share =
		&events->shares[hash_finish(hash_text(HASH_BEGIN, service->namespace)) % SHARES];

	while (subject && (address_compare(&subject->address, event->address) ||
			   strcmp(subject->uid, service->uid) != 0))
		subject = subject->next;
	if (subject)
		return subject;
	if (events->count == EVENT_SUBJECTS_MAX)
		event_subjects_free(events, false);
	if (events->count == EVENT_SUBJECTS_MAX && !event_subject_displace(events, share))
		return NULL;
	subject = xcalloc(1, sizeof(*subject));
	subject->share = share;
	share->count++;
	subject->address = *event->address;
	subject->namespace = xstrdup(service->namespace);
	subject->service = xstrdup(service->name);
	subject->uid = xstrdup(service->uid);
	subject->next = *bucket;
	*bucket = subject;
	events->count++;
	return subject;
}

/* ---- writing ---- */

/* Makes a name as client-go's recorders do. */
static void name_new(struct event_subject *subject)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(subject->name, sizeof(subject->name), "%s.%llx", subject->service,
		 now.tv_sec * 1000000000ULL + now.tv_nsec);
}

static json_t *event_new(const struct cluster_events *events, const struct event_subject *subject)
{
	const struct event_text *text = &subject->sending;
	char first[CLOCK_TEXT_SIZE], last[CLOCK_TEXT_SIZE];

	clock_format(&text->first, 0, first);
	clock_format(&text->last, 0, last);
	return json_pack("{s{ss ss} s{ss ss ss ss ss} ss ss so s{ss ss} ss ss ss ss si}",
			 "metadata", "name", subject->name, "namespace", subject->namespace,
			 "involvedObject", "apiVersion", "v1", "kind", "Service", "namespace",
			 subject->namespace, "name", subject->service, "uid", subject->uid, "type",
			 text->warning ? "Warning" : "Normal", "reason", text->reason, "message",
			 text_json(text->message), "source", "component", COMPONENT, "host",
			 events->node, "reportingComponent", COMPONENT, "reportingInstance",
			 events->node, "firstTimestamp", first, "lastTimestamp", last, "count",
			 text->count);
}

static json_t *event_patch(const struct event_subject *subject)
{
	char last[CLOCK_TEXT_SIZE];

	clock_format(&subject->sending.last, 0, last);
	return json_pack("{ss si}", "lastTimestamp", last, "count",
			 subject->written.count + subject->sending.count);
}

static void log_trouble(struct cluster_events *events, const struct event_subject *subject,
			const struct http_result *result)
{
	struct err err;

	if (!kube_trouble_changes(result, &events->trouble))
		return;
	err_write(&err, "can't write an Event for the Service %s/%s: %s", subject->namespace,
		  subject->service, events->trouble.text);
	events->log(LOG_WARNING, subject->namespace, err.text, events->userdata);
}

/* Requeues the failed write unless a newer Event is due. */
static void requeue(struct cluster_events *events, struct event_subject *subject)
{
	if (subject->due.message) {
		event_text_free(&subject->sending);
		return;
	}
	event_text_move(&subject->due, &subject->sending);
	enqueue(events, subject);
}

static void on_written(const struct http_result *result, void *userdata)
{
	struct cluster_events *events = userdata;
	struct event_subject *subject = events->current;
	struct event_text *sending = &subject->sending;

	events->call = NULL;
	events->current = NULL;
	if (!result->error && (result->status == 200 || result->status == 201)) {
		if (event_text_is(&subject->written, sending->reason, sending->message)) {
			sending->count += subject->written.count;
			sending->first = subject->written.first;
		}
		event_text_move(&subject->written, sending);
		subject->written_ns = subject->used_ns = clock_boot_ns();
		events->trouble.text[0] = '\0';
	} else if (result->error || result->status >= 500 || result->status == 429) {
		log_trouble(events, subject, result);
		requeue(events, subject);
		events->pause_ns = clock_boot_ns() + PAUSE_NS;
	} else if (result->status == 404 && subject->written.message) {
		/* the Event to patch has been deleted: create a new one */
		event_text_free(&subject->written);
		requeue(events, subject);
	} else {
		log_trouble(events, subject, result);
		event_text_free(sending);
	}
	loop_timer_at(events->timer, 0);
}

static void write_event(struct cluster_events *events, struct event_subject *subject,
			uint64_t now_ns)
{
	bool patch = event_text_is(&subject->written, subject->due.reason, subject->due.message) &&
		     now_ns < subject->written_ns + TTL_NS;
	_cleanup_free_ char *path = NULL;
	json_t *body;

	event_text_move(&subject->sending, &subject->due);
	if (!patch) {
		event_text_free(&subject->written);
		name_new(subject);
	}
	body = patch ? event_patch(subject) : event_new(events, subject);
	path = xasprintf("/api/v1/namespaces/%s/events%s%s", subject->namespace, patch ? "/" : "",
			 patch ? subject->name : "");
	rate_spend(&of_address, &subject->spent_ns, now_ns);
	rate_spend(&of_all, &events->spent_ns, now_ns);
	events->call = kube_request(events->kube, patch ? "PATCH" : "POST", path, body, on_written,
				    events);
	json_decref(body);
	events->current = subject;
	subject->share->served_ns = now_ns;
}

/* Starts to write an Event that the rates allow now, of the share that has waited longest, or sets
 * the timer to when they allow one. */
static void write_next(struct cluster_events *events)
{
	uint64_t now_ns = clock_boot_ns(), due_ns, next_ns = LOOP_NEVER;
	uint64_t from_ns = rate_due(&of_all, events->spent_ns);
	struct event_subject **next = NULL;

	if (events->call)
		return;
	from_ns = from_ns > events->pause_ns ? from_ns : events->pause_ns;
	for (struct event_subject **at = &events->queue; *at; at = &(*at)->queued) {
		due_ns = rate_due(&of_address, (*at)->spent_ns);
		due_ns = due_ns > from_ns ? due_ns : from_ns;
		next_ns = due_ns < next_ns ? due_ns : next_ns;
		if (now_ns >= due_ns &&
		    (!next || (*at)->share->served_ns < (*next)->share->served_ns))
			next = at;
	}
	if (next) {
		struct event_subject *subject = *next;

		dequeue(events, next);
		write_event(events, subject, now_ns);
		return;
	}
	loop_timer_at(events->timer, next_ns);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	write_next(userdata);
	return 0;
}

void cluster_events_say(struct cluster_events *events, const struct source_event *event)
{
	struct event_subject *subject =
		event->service->uid ? event_subject_get(events, event) : NULL;
	uint64_t now_ns = clock_boot_ns();
	struct event_text text = {
		.reason = event->reason,
		.warning = event->warning,
		.count = 1,
	};

	clock_gettime(CLOCK_REALTIME, &text.first);
	text.last = text.first;
	if (!subject) {
		if (event->service->uid && !events->full)
			events->log(LOG_WARNING, NULL, "too many Events: some are dropped",
				    events->userdata);
		events->full = true;
		return;
	}
	if (event->repeat_ns && (event_text_is(&subject->due, event->reason, event->message) ||
				 event_text_is(&subject->sending, event->reason, event->message) ||
				 (event_text_is(&subject->written, event->reason, event->message) &&
				  now_ns < subject->written_ns + event->repeat_ns)))
		return;
	subject->used_ns = now_ns;
	if (event_text_is(&subject->due, event->reason, event->message)) {
		subject->due.last = text.last;
		subject->due.count++;
		return;
	}
	text.message = xstrdup(event->message);
	if (!subject->due.message)
		enqueue(events, subject);
	event_text_move(&subject->due, &text);
	/* write from the event loop, since the caller may add more Events */
	loop_timer_at(events->timer, 0);
}

void cluster_events_free(struct cluster_events *events)
{
	if (!events)
		return;
	http_cancel(events->call);
	event_subjects_free(events, true);
	sd_event_source_disable_unref(events->timer);
	free(events->node);
	free(events);
}

int cluster_events_new(sd_event *event, struct kube *kube, const char *node,
		       cluster_events_log_fn *log, void *userdata,
		       struct cluster_events **ret_events, struct err *err)
{
	struct cluster_events *events = xcalloc(1, sizeof(*events));
	int r;

	events->kube = kube;
	events->log = log;
	events->userdata = userdata;
	events->queue_end = &events->queue;
	events->node = xstrdup(node);
	r = loop_timer_new(event, LOOP_NEVER, on_timer, events, &events->timer);
	if (r < 0) {
		cluster_events_free(events);
		return err_set(err, r, "writing Events: %s", strerror(-r));
	}
	*ret_events = events;
	return 0;
}
