// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <curl/curl.h>
#include <utlist.h>

#include "alloc.h"
#include "cleanup.h"
#include "clock.h"
#include "http.h"
#include "loop.h"

/* Limit of an answer's size: a call that exceeds it is ended. */
#define BODY_MAX (32U << 20)

#define TOO_LONG "its answer is longer than 32 MiB"

/* Limit of all answers together: one of the largest, and many smaller ones. */
#define ROOM_MAX  (96U << 20)
#define TOO_MUCH  "its answers take more than 96 MiB together"
#define ROOM_KEEP (1U << 20) /* of a stream, while no data is pending */

/* Of a call: all header lines, and all trailers, which libcurl collects without a bound. */
#define HEADERS_MAX	 (64U << 10)
#define TOO_MANY_HEADERS "its headers are longer than 64 KiB"

/* Seconds after which a connection with a client certificate isn't reused: the file may have been
 * renewed. */
#define LIFETIME_S 120L

struct http {
	sd_event *event;
	sd_event_source *timer;
	sd_event_source *turn; /* hands on what didn't fit into the last turn */
	CURLM *multi;
	char *ca, *cert, *key;
	struct http_call *calls; /* in the order in which they are served */
	size_t room;		 /* of all calls */
	bool handing_on; /* in calls_hand_on(): what is cancelled meanwhile is freed later */
};

struct http_call {
	struct http_call *prev, *next;
	struct http *http;
	CURL *easy;
	struct curl_slist *headers;
	char *body;
	size_t length, room;
	size_t headers_length;
	size_t used;  /* of @length: handed on */
	size_t lines; /* newlines behind that */
	http_done_fn *done;
	http_line_fn *line;
	void *userdata;
	bool begun; /* an answer has begun, which wasn't handed on */
	bool paused;
	bool ended, cancelled;
	const char *over; /* what is too long, which ends the call; NULL: nothing */
	CURLcode code;
	char trouble[CURL_ERROR_SIZE];
};

/* Resizes the body's buffer; 0 frees it. */
static void call_room(struct http_call *call, size_t room)
{
	call->http->room += room - call->room;
	call->room = room;
	if (room) {
		call->body = xreallocarray(call->body, room, 1);
	} else {
		free(call->body);
		call->body = NULL;
	}
}

static void call_free(struct http_call *call)
{
	DL_DELETE(call->http->calls, call);
	if (call->easy) {
		curl_multi_remove_handle(call->http->multi, call->easy);
		curl_easy_cleanup(call->easy);
	}
	curl_slist_free_all(call->headers);
	call_room(call, 0);
	free(call);
}

void http_cancel(struct http_call *call)
{
	if (!call)
		return;
	call->cancelled = true;
	if (!call->http->handing_on)
		call_free(call);
}

static int call_error(CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return 0;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
		return -ECONNREFUSED;
	default:
		return -EIO;
	}
}

static long call_status(const struct http_call *call)
{
	long status = 0;

	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

/* Removes what was handed on from the body. */
static void body_trim(struct http_call *call)
{
	if (!call->used)
		return;
	call->length -= call->used;
	memmove(call->body, call->body + call->used, call->length + 1);
	call->used = 0;
	if (!call->length && call->room > ROOM_KEEP)
		call_room(call, 0);
}

static void call_end(struct http_call *call)
{
	struct http_result result = {
		.error = call_error(call->code),
		.status = call_status(call),
		.trouble = call->trouble[0] ? call->trouble : curl_easy_strerror(call->code),
	};

	body_trim(call);
	result.body = call->body ?: "";
	result.length = call->length;
	if (call->over)
		result.trouble = call->over;
	call->cancelled = true;
	call->done(&result, call->userdata);
}

static bool streams(const struct http_call *call)
{
	return (call->begun || call->lines) && call->line && call_status(call) == 200;
}

static void hand_on_line(struct http_call *call)
{
	const char *line = NULL;
	size_t length = 0;

	if (call->begun) {
		call->begun = false;
	} else {
		line = call->body + call->used;
		length = (char *)memchr(line, '\n', call->length - call->used) - line;
		call->used += length + 1;
		call->lines--;
	}
	call->line(line, length, call->userdata);
}

static struct http_call *first_waiting(const struct http *http)
{
	struct http_call *call;

	DL_FOREACH(http->calls, call)
	if (call->cancelled || call->ended || streams(call))
		return call;
	return NULL;
}

/* A server that sends faster than its lines are handed on has to wait. */
static void call_pause(struct http_call *call, bool pause)
{
	if (call->paused == pause || call->ended)
		return;
	call->paused = pause;
	call->code = curl_easy_pause(call->easy, pause ? CURLPAUSE_RECV : CURLPAUSE_CONT);
	/* what curl had kept may be too much */
	call->ended = call->code != CURLE_OK;
}

/* Hands on lines and ends, of each waiting call in turn, until this turn of the loop is over.
 * curl's own callbacks can't do so: within them no call may begin or be cancelled. */
static void calls_hand_on(struct http *http)
{
	uint64_t begun_ns = clock_boot_ns();
	struct http_call *call;
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(http->multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
		call->ended = true;
		call->code = message->data.result;
	}
	http->handing_on = true;
	while (loop_may_go_on(begun_ns) && (call = first_waiting(http))) {
		DL_DELETE(http->calls, call);
		DL_APPEND(http->calls, call);
		if (call->cancelled)
			call_free(call);
		else if (streams(call))
			hand_on_line(call);
		else
			call_end(call);
	}
	http->handing_on = false;
	DL_FOREACH(http->calls, call)
	{
		body_trim(call);
		call_pause(call, streams(call));
	}
	loop_timer_after(http->turn, first_waiting(http) ? 0 : LOOP_NEVER);
}

static size_t on_write(char *text, size_t size, size_t count, void *userdata)
{
	struct http_call *call = userdata;
	size_t length = size * count, room = call->room;

	while (call->length + length + 1 > room)
		room = room ? 2 * room : 4096;
	if (call->length + length > BODY_MAX)
		call->over = TOO_LONG;
	else if (call->http->room - call->room + room > ROOM_MAX)
		call->over = TOO_MUCH;
	if (call->over)
		return 0;
	if (room > call->room)
		call_room(call, room);
	memcpy(call->body + call->length, text, length);
	call->length += length;
	call->body[call->length] = '\0';
	for (const char *at = text; (at = memchr(at, '\n', text + length - at)); at++)
		call->lines++;
	return length;
}

/* A header or trailer. The empty line after the headers: a stream has begun, although its first
 * data may come later. */
static size_t on_header(char *text, size_t size, size_t count, void *userdata)
{
	struct http_call *call = userdata;

	if (size * count == strlen("\r\n") && !memcmp(text, "\r\n", strlen("\r\n"))) {
		call->begun = call_status(call) == 200;
		/* an API server checks the connection's certificate with each request, and keeps
		 * the connection open once that has expired: only a new one can have another */
		if (call_status(call) == 401 && call->http->cert)
			curl_easy_setopt(call->easy, CURLOPT_FORBID_REUSE, 1L);
	}
	call->headers_length += size * count;
	if (call->headers_length <= HEADERS_MAX)
		return size * count;
	call->over = TOO_MANY_HEADERS;
	return 0;
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct http *http = userdata;
	int action = 0, running;

	if (revents & (EPOLLIN | EPOLLHUP))
		action |= CURL_CSELECT_IN;
	if (revents & EPOLLOUT)
		action |= CURL_CSELECT_OUT;
	if (revents & EPOLLERR)
		action |= CURL_CSELECT_ERR;
	curl_multi_socket_action(http->multi, fd, action, &running);
	calls_hand_on(http);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct http *http = userdata;
	int running;

	curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	calls_hand_on(http);
	return 0;
}

static int on_turn(sd_event_source *source, uint64_t usec, void *userdata)
{
	calls_hand_on(userdata);
	return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_data)
{
	struct http *http = userdata;
	sd_event_source *source = socket_data;
	uint32_t events =
		(what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);

	if (what == CURL_POLL_REMOVE) {
		sd_event_source_disable_unref(source);
		return 0;
	}
	if (source)
		return sd_event_source_set_io_events(source, events) < 0 ? -1 : 0;
	if (sd_event_add_io(http->event, &source, fd, events, on_io, http) < 0)
		return -1;
	curl_multi_assign(http->multi, fd, source);
	return 0;
}

static int on_timeout(CURLM *multi, long timeout_ms, void *userdata)
{
	struct http *http = userdata;

	return loop_timer_after(http->timer, timeout_ms < 0 ? LOOP_NEVER : timeout_ms * 1000ULL) < 0
		       ? -1
		       : 0;
}

/* A copy of @path, which must be readable; NULL stays NULL. */
static int path_copy(const char *path, char **ret_path, struct err *err)
{
	if (!path)
		return 0;
	if (access(path, R_OK) < 0)
		return err_set(err, negative_errno(), "%s: %s", path, strerror(errno));
	*ret_path = xstrdup(path);
	return 0;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	while (http->calls)
		call_free(http->calls);
	/* first: it calls back about sockets and timers while it closes them */
	curl_multi_cleanup(http->multi);
	sd_event_source_disable_unref(http->timer);
	sd_event_source_disable_unref(http->turn);
	sd_event_unref(http->event);
	free(http->ca);
	free(http->cert);
	free(http->key);
	free(http);
}

static void cleanup_http(struct http **http)
{
	http_free(*http);
}

int http_new(sd_event *event, const struct http_tls *tls, struct http **ret_http, struct err *err)
{
	_cleanup_(cleanup_http) struct http *http = xcalloc(1, sizeof(*http));
	int r;

	http->event = sd_event_ref(event);
	r = path_copy(tls->ca, &http->ca, err);
	r = r ?: path_copy(tls->cert, &http->cert, err);
	r = r ?: path_copy(tls->key, &http->key, err);
	if (r < 0)
		return r;
	/* as in alloc.h, allocation failures end the process, so NULL isn't checked */
	http->multi =
		curl_global_init_mem(CURL_GLOBAL_DEFAULT, xmalloc, free, xrealloc, xstrdup, xcalloc)
			? NULL
			: curl_multi_init();
	if (!http->multi)
		return err_set(err, -EIO, "libcurl can't begin");
	r = loop_timer_new(event, LOOP_NEVER, on_timer, http, &http->timer);
	if (r >= 0)
		r = loop_timer_new(event, LOOP_NEVER, on_turn, http, &http->turn);
	if (r < 0)
		return err_set(err, r, "a timer can't be made: %s", strerror(-r));
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	*ret_http = TAKE_PTR(http);
	return 0;
}

static void header_add(struct http_call *call, const char *name, const char *value)
{
	_cleanup_free_ char *text = xasprintf("%s: %s", name, value);

	call->headers = curl_slist_append(call->headers, text);
}

struct http_call *http_send(struct http *http, const struct http_request *request)
{
	struct http_call *call = xcalloc(1, sizeof(*call));
	long timeout_ms = request->timeout_ns / 1000000;

	*call = (struct http_call){
		.http = http,
		.done = request->done,
		.line = request->line,
		.userdata = request->userdata,
		.easy = curl_easy_init(),
	};
	DL_APPEND(http->calls, call);
	header_add(call, "Content-Type", request->content_type ?: "application/json");
	if (request->token) {
		_cleanup_free_ char *bearer = xasprintf("Bearer %s", request->token);

		header_add(call, "Authorization", bearer);
	}
	curl_easy_setopt(call->easy, CURLOPT_URL, request->url);
	curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
	curl_easy_setopt(call->easy, CURLOPT_PRIVATE, call);
	curl_easy_setopt(call->easy, CURLOPT_ERRORBUFFER, call->trouble);
	curl_easy_setopt(call->easy, CURLOPT_WRITEFUNCTION, on_write);
	curl_easy_setopt(call->easy, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(call->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(call->easy, CURLOPT_HEADERDATA, call);
	curl_easy_setopt(call->easy, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
	/* HTTP/1.1: a call that times out closes its connection. With HTTP/2 all streams would
	 * share a dead connection, and so would the next calls. */
	curl_easy_setopt(call->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	if (!request->line) {
		curl_easy_setopt(call->easy, CURLOPT_TIMEOUT_MS, timeout_ms);
	} else if (request->silence_ns) {
		curl_easy_setopt(call->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
		curl_easy_setopt(call->easy, CURLOPT_LOW_SPEED_TIME,
				 (long)(request->silence_ns / CLOCK_NS_PER_S));
	}
	curl_easy_setopt(call->easy, CURLOPT_NOSIGNAL, 1L);
	/* a call may end without a wait for its pending name look-up */
	curl_easy_setopt(call->easy, CURLOPT_QUICK_EXIT, 1L);
	/* ignore the environment's proxy settings */
	curl_easy_setopt(call->easy, CURLOPT_PROXY, "");
	curl_easy_setopt(call->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(call->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (http->ca) {
		/* replaces the system's directory as well. The file may change at run time, so it
		 * is read for each connection */
		curl_easy_setopt(call->easy, CURLOPT_CAINFO, http->ca);
		curl_easy_setopt(call->easy, CURLOPT_CAPATH, NULL);
		curl_easy_setopt(call->easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
	}
	if (http->cert) {
		curl_easy_setopt(call->easy, CURLOPT_SSLCERT, http->cert);
		curl_easy_setopt(call->easy, CURLOPT_MAXLIFETIME_CONN, LIFETIME_S);
		/* a resumed session has the certificate that it began with */
		curl_easy_setopt(call->easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	}
	if (http->key)
		curl_easy_setopt(call->easy, CURLOPT_SSLKEY, http->key);
	if (request->body)
		curl_easy_setopt(call->easy, CURLOPT_COPYPOSTFIELDS, request->body);
	if (request->method)
		curl_easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST, request->method);
	if (curl_multi_add_handle(http->multi, call->easy))
		alloc_fail();
	return call;
}
