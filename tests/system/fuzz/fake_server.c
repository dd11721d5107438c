// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "http.h"
#include "fake_server.h"

/* Turns of the event loop between two lines: a watch that begins again and again never ends. */
#define TURNS 6

struct http {
	unsigned int calls;
};

struct http_call {
	struct http_call *next;
	struct http *http;
	http_done_fn *done;
	http_line_fn *line;
	void *userdata;
	char *body; /* in memory that ends where it does */
	size_t length;
	bool answering, cancelled;
};

/* The newest first. */
static struct http_call *calls;

int http_new(sd_event *event, const struct http_tls *tls, struct http **ret_http, struct err *err)
{
	*ret_http = xcalloc(1, sizeof(**ret_http));
	return 0;
}

static void call_free(struct http_call *call)
{
	struct http_call **at = &calls;

	while (*at != call)
		at = &(*at)->next;
	*at = call->next;
	call->http->calls--;
	free(call->body);
	free(call);
}

/* A call belongs to its http, whose user may have left it to http_free(). */
void http_free(struct http *http)
{
	struct http_call *next;

	for (struct http_call *call = calls; http && call; call = next) {
		next = call->next;
		if (call->http == http)
			call_free(call);
	}
	free(http);
}

struct http_call *http_send(struct http *http, const struct http_request *request)
{
	struct http_call *call = xcalloc(1, sizeof(*call));

	*call = (struct http_call){
		.next = calls,
		.http = http,
		.done = request->done,
		.line = request->line,
		.userdata = request->userdata,
		.body = xcalloc(1, 1),
	};
	http->calls++;
	calls = call;
	return call;
}

void http_cancel(struct http_call *call)
{
	if (!call)
		return;
	call->cancelled = true;
	if (!call->answering)
		call_free(call);
}

/* Appends @text to what @call has of its answer. */
static void body_add(struct http_call *call, const char *text, size_t length)
{
	char *body = xmalloc(call->length + length + 1);

	memcpy(body, call->body, call->length);
	memcpy(body + call->length, text, length);
	body[call->length + length] = '\0';
	free(call->body);
	call->body = body;
	call->length += length;
}

/* A stream has begun, or a line of it has ended. */
static void answer_line(struct http_call *call, bool ended)
{
	call->line(ended ? call->body : NULL, ended ? call->length : 0, call->userdata);
	if (!ended)
		return;
	free(call->body);
	call->body = xcalloc(1, 1);
	call->length = 0;
}

static void answer_done(struct http_call *call, long status, int error)
{
	const struct http_result result = { .error = error,
					    .status = status,
					    .body = call->body,
					    .length = call->length,
					    .trouble = error ? "the network fails" : NULL };

	call->cancelled = true;
	call->done(&result, call->userdata);
}

/* How a request ends; any other letter: it doesn't yet. */
static const struct {
	uint8_t letter;
	int error;
	long status;
} ends[] = {
	{ 'o', 0, 200 },  { 'c', 0, 201 },	    { 'd', 0, 403 }, { 'n', 0, 404 },
	{ 'x', 0, 409 },  { 'g', 0, 410 },	    { 'e', 0, 500 }, { 'r', -ECONNREFUSED, 0 },
	{ 'f', -EIO, 0 }, { 't', -ETIMEDOUT, 200 },
};

static void answer(const uint8_t *line, size_t length)
{
	const char *text = (const char *)line + 2;
	struct http_call *call = calls;
	size_t end = 0;

	if (length < 2 || !call)
		return;
	for (int i = line[0] - '0'; i > 0 && call->next; i--)
		call = call->next;
	body_add(call, text, length - 2);
	call->answering = true;
	while (end < sizeof(ends) / sizeof(ends[0]) && ends[end].letter != line[1])
		end++;
	if (end < sizeof(ends) / sizeof(ends[0])) {
		answer_done(call, ends[end].status, ends[end].error);
	} else if (call->line) {
		answer_line(call, line[1] == '\\');
	}
	call->answering = false;
	if (call->cancelled)
		call_free(call);
}

sd_event *server_event(void)
{
	static sd_event *event;

	if (!event && sd_event_new(&event) < 0)
		abort();
	return event;
}

static void turn(void)
{
	for (int i = 0; i < TURNS && sd_event_run(server_event(), 0) > 0; i++)
		;
}

void server_run(const uint8_t *script, size_t size, server_line_fn *other)
{
	turn();
	while (size) {
		const uint8_t *end = memchr(script, '\n', size);
		size_t length = end ? (size_t)(end - script) : size;

		if (length && isdigit(*script))
			answer(script, length);
		else if (length && other)
			other(script, length);
		turn();
		length += end != NULL;
		script += length;
		size -= length;
	}
}

/* The linker has these called in place of others'. */
int __wrap_sd_event_add_time_relative(sd_event *event, sd_event_source **source, clockid_t clock,
				      uint64_t usec, uint64_t accuracy,
				      sd_event_time_handler_t callback, void *userdata);
int __wrap_sd_event_source_set_time_relative(sd_event_source *source, uint64_t usec);
ssize_t __wrap_getrandom(void *buffer, size_t size, unsigned int flags);

/* What is long ago is due at once. */
int __wrap_sd_event_add_time_relative(sd_event *event, sd_event_source **source, clockid_t clock,
				      uint64_t usec, uint64_t accuracy,
				      sd_event_time_handler_t callback, void *userdata)
{
	return sd_event_add_time(event, source, clock, 1, accuracy, callback, userdata);
}

int __wrap_sd_event_source_set_time_relative(sd_event_source *source, uint64_t usec)
{
	return sd_event_source_set_time(source, 1);
}

/* An input does the same each time. */
ssize_t __wrap_getrandom(void *buffer, size_t size, unsigned int flags)
{
	memset(buffer, 0x5a, size);
	return (ssize_t)size;
}
