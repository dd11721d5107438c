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
#include "kube_events.h"
#include "rate.h"
#include "text.h"

#define NS_PER_S UINT64_C(1000000000)

/* The server's --event-ttl is an hour, at least by default: an Event of before isn't counted on. */
#define TTL_NS (3000 * NS_PER_S)
/* What isn't answered, or refused for the moment, is tried again after that. */
#define PAUSE_NS (10 * NS_PER_S)
/* Addresses that something was said of in the last TTL_NS, at most. */
#define SUBJECTS_MAX 1024
#define BUCKETS	     256

#define COMPONENT "xdp-l2respd"

static const struct rate of_address = { 60 * NS_PER_S, 5 };
static const struct rate of_all = { NS_PER_S / 5, 25 };

struct said {
	char *message; /* NULL: nothing */
	const char *reason;
	bool warning;
	struct timespec first, last;
	unsigned int count;
};

/* An address of a Service. */
struct subject {
	struct subject *next;	 /* in its bucket */
	struct subject *waiting; /* in the line; it is there while something is due */
	char *namespace, *service, *uid;
	struct address address;
	uint64_t spent_ns;   /* of_address */
	uint64_t used_ns;    /* when it was last said or written */
	struct said due;     /* to be written, */
	struct said sending; /* being written, */
	struct said written; /* and written, as the Event called @name */
	char name[96];
	uint64_t written_ns;
};

struct kube_events {
	struct kube *kube;
	char *node;
	kube_events_log_fn *log;
	void *userdata;
	sd_event_source *timer;
	struct subject *buckets[BUCKETS];
	size_t count;
	struct subject *line, **end;
	struct subject *current; /* whose call is on its way */
	struct http_call *call;
	uint64_t spent_ns; /* of_all */
	uint64_t pause_ns; /* nothing is sent before */
	char trouble[256]; /* the last; "": none */
	bool full;
};

static void said_free(struct said *said)
{
	free(said->message);
	*said = (struct said){};
}

/* @from takes the place of @to. */
static void said_move(struct said *to, struct said *from)
{
	said_free(to);
	*to = *from;
	*from = (struct said){};
}

static bool said_is(const struct said *said, const char *reason, const char *message)
{
	return said->message && !strcmp(said->reason, reason) && !strcmp(said->message, message);
}

static void subject_free(struct subject *subject)
{
	said_free(&subject->due);
	said_free(&subject->sending);
	said_free(&subject->written);
	free(subject->namespace);
	free(subject->service);
	free(subject->uid);
	free(subject);
}

/* Forgets what nothing was said of for so long that its Event is gone; or @all. */
static void forget(struct kube_events *events, bool all)
{
	uint64_t now_ns = clock_boot_ns();

	for (size_t i = 0; i < BUCKETS; i++) {
		struct subject **at = &events->buckets[i];

		while (*at) {
			struct subject *subject = *at;

			if (!all && (subject->due.message || subject == events->current ||
				     now_ns < subject->used_ns + TTL_NS)) {
				at = &subject->next;
				continue;
			}
			*at = subject->next;
			subject_free(subject);
			events->count--;
		}
	}
}

static struct subject *subject_get(struct kube_events *events, const struct kube_event *event)
{
	const struct service *service = event->service;
	struct subject **bucket = &events->buckets[address_hash(event->address) % BUCKETS];
	struct subject *subject = *bucket;

	while (subject && (address_compare(&subject->address, event->address) ||
			   strcmp(subject->uid, service->uid) != 0))
		subject = subject->next;
	if (subject)
		return subject;
	if (events->count == SUBJECTS_MAX)
		forget(events, false);
	if (events->count == SUBJECTS_MAX)
		return NULL;
	subject = xcalloc(1, sizeof(*subject));
	subject->address = *event->address;
	subject->namespace = xstrdup(service->namespace);
	subject->service = xstrdup(service->name);
	subject->uid = xstrdup(service->uid);
	subject->next = *bucket;
	*bucket = subject;
	events->count++;
	return subject;
}

static void line_up(struct kube_events *events, struct subject *subject)
{
	subject->waiting = NULL;
	*events->end = subject;
	events->end = &subject->waiting;
}

static void line_leave(struct kube_events *events, struct subject **at)
{
	*at = (*at)->waiting;
	if (!*at)
		events->end = at;
}

static void go_on_at(struct kube_events *events, uint64_t when_ns)
{
	sd_event_source_set_time(events->timer, when_ns / 1000 + 1);
	sd_event_source_set_enabled(events->timer, SD_EVENT_ONESHOT);
}

/* ---- writing ---- */

/* As client-go's recorders name them. */
static void name_new(struct subject *subject)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(subject->name, sizeof(subject->name), "%s.%llx", subject->service,
		 now.tv_sec * 1000000000ULL + now.tv_nsec);
}

static json_t *event_new(const struct kube_events *events, const struct subject *subject)
{
	const struct said *said = &subject->sending;
	char first[CLOCK_TEXT_SIZE], last[CLOCK_TEXT_SIZE];

	clock_format(&said->first, 0, first);
	clock_format(&said->last, 0, last);
	return json_pack("{s{ss ss} s{ss ss ss ss ss} ss ss so s{ss ss} ss ss ss ss si}",
			 "metadata", "name", subject->name, "namespace", subject->namespace,
			 "involvedObject", "apiVersion", "v1", "kind", "Service", "namespace",
			 subject->namespace, "name", subject->service, "uid", subject->uid, "type",
			 said->warning ? "Warning" : "Normal", "reason", said->reason, "message",
			 text_json(said->message), "source", "component", COMPONENT, "host",
			 events->node, "reportingComponent", COMPONENT, "reportingInstance",
			 events->node, "firstTimestamp", first, "lastTimestamp", last, "count",
			 said->count);
}

static json_t *event_again(const struct subject *subject)
{
	char last[CLOCK_TEXT_SIZE];

	clock_format(&subject->sending.last, 0, last);
	return json_pack("{ss si}", "lastTimestamp", last, "count",
			 subject->written.count + subject->sending.count);
}

static void say_trouble(struct kube_events *events, const struct subject *subject,
			const struct http_result *result)
{
	char text[HTTP_TROUBLE_MAX];
	const char *why = kube_trouble(result, text);
	struct err said;

	if (!strcmp(why, events->trouble))
		return;
	snprintf(events->trouble, sizeof(events->trouble), "%s", why);
	err_write(&said, "an Event of the Service %s/%s isn't written: %s", subject->namespace,
		  subject->service, why);
	events->log(LOG_WARNING, said.text, events->userdata);
}

/* What was being written is still to be, unless there is something newer. */
static void send_again(struct kube_events *events, struct subject *subject)
{
	if (subject->due.message) {
		said_free(&subject->sending);
		return;
	}
	said_move(&subject->due, &subject->sending);
	line_up(events, subject);
}

static void on_written(const struct http_result *result, void *userdata)
{
	struct kube_events *events = userdata;
	struct subject *subject = events->current;
	struct said *sending = &subject->sending;

	events->call = NULL;
	events->current = NULL;
	if (!result->error && (result->status == 200 || result->status == 201)) {
		if (said_is(&subject->written, sending->reason, sending->message)) {
			sending->count += subject->written.count;
			sending->first = subject->written.first;
		}
		said_move(&subject->written, sending);
		subject->written_ns = subject->used_ns = clock_boot_ns();
		events->trouble[0] = '\0';
	} else if (result->error || result->status >= 500 || result->status == 429) {
		say_trouble(events, subject, result);
		send_again(events, subject);
		events->pause_ns = clock_boot_ns() + PAUSE_NS;
	} else if (result->status == 404 && subject->written.message) {
		/* the Event that was to count on is gone */
		said_free(&subject->written);
		send_again(events, subject);
	} else {
		say_trouble(events, subject, result);
		said_free(sending);
	}
	go_on_at(events, 0);
}

static void write_event(struct kube_events *events, struct subject *subject, uint64_t now_ns)
{
	bool again = said_is(&subject->written, subject->due.reason, subject->due.message) &&
		     now_ns < subject->written_ns + TTL_NS;
	_cleanup_free_ char *path = NULL;
	json_t *body;

	said_move(&subject->sending, &subject->due);
	if (!again) {
		said_free(&subject->written);
		name_new(subject);
	}
	body = again ? event_again(subject) : event_new(events, subject);
	path = xasprintf("/api/v1/namespaces/%s/events%s%s", subject->namespace, again ? "/" : "",
			 again ? subject->name : "");
	rate_spend(&of_address, &subject->spent_ns, now_ns);
	rate_spend(&of_all, &events->spent_ns, now_ns);
	events->call = kube_request(events->kube, again ? "PATCH" : "POST", path, body, on_written,
				    events);
	json_decref(body);
	events->current = subject;
}

/* Begins to write what may be written by now, or waits until something may. */
static void go_on(struct kube_events *events)
{
	uint64_t now_ns = clock_boot_ns(), due_ns, next_ns = UINT64_MAX;
	uint64_t from_ns = rate_due(&of_all, events->spent_ns);

	from_ns = from_ns > events->pause_ns ? from_ns : events->pause_ns;
	for (struct subject **at = &events->line; *at && !events->call;) {
		struct subject *subject = *at;

		due_ns = rate_due(&of_address, subject->spent_ns);
		due_ns = due_ns > from_ns ? due_ns : from_ns;
		next_ns = due_ns < next_ns ? due_ns : next_ns;
		if (now_ns < due_ns) {
			at = &subject->waiting;
			continue;
		}
		line_leave(events, at);
		write_event(events, subject, now_ns);
	}
	if (events->call || next_ns == UINT64_MAX)
		return;
	go_on_at(events, next_ns);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	go_on(userdata);
	return 0;
}

void kube_events_say(struct kube_events *events, const struct kube_event *event)
{
	struct subject *subject = event->service->uid ? subject_get(events, event) : NULL;
	uint64_t now_ns = clock_boot_ns();
	struct said said = {
		.reason = event->reason,
		.warning = event->warning,
		.count = 1,
	};

	clock_gettime(CLOCK_REALTIME, &said.first);
	said.last = said.first;
	if (!subject) {
		if (event->service->uid && !events->full)
			events->log(LOG_WARNING, "too many Events: some are left out",
				    events->userdata);
		events->full = true;
		return;
	}
	if (event->again_ns && (said_is(&subject->due, event->reason, event->message) ||
				said_is(&subject->sending, event->reason, event->message) ||
				(said_is(&subject->written, event->reason, event->message) &&
				 now_ns < subject->written_ns + event->again_ns)))
		return;
	subject->used_ns = now_ns;
	if (said_is(&subject->due, event->reason, event->message)) {
		subject->due.last = said.last;
		subject->due.count++;
		return;
	}
	said.message = xstrdup(event->message);
	if (!subject->due.message)
		line_up(events, subject);
	said_move(&subject->due, &said);
	/* not from within: there may be more */
	go_on_at(events, 0);
}

void kube_events_free(struct kube_events *events)
{
	if (!events)
		return;
	http_cancel(events->call);
	forget(events, true);
	sd_event_source_disable_unref(events->timer);
	free(events->node);
	free(events);
}

int kube_events_new(sd_event *event, struct kube *kube, const char *node, kube_events_log_fn *log,
		    void *userdata, struct kube_events **ret_events, struct err *err)
{
	struct kube_events *events = xcalloc(1, sizeof(*events));
	int r;

	events->kube = kube;
	events->log = log;
	events->userdata = userdata;
	events->end = &events->line;
	events->node = xstrdup(node);
	r = sd_event_add_time(event, &events->timer, CLOCK_BOOTTIME, 0, 1000, on_timer, events);
	if (r >= 0)
		r = sd_event_source_set_enabled(events->timer, SD_EVENT_OFF);
	if (r < 0) {
		kube_events_free(events);
		return err_set(err, r, "writing Events: %s", strerror(-r));
	}
	*ret_events = events;
	return 0;
}
