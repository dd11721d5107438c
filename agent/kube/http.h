/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HTTP requests on an sd_event: libcurl's multi interface, with deadlines of our own. */
#ifndef XDP_L2RESP_HTTP_H
#define XDP_L2RESP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include <systemd/sd-event.h>

#include "err.h"

struct http;
struct http_call;

#define HTTP_TROUBLE_MAX 256
#define HTTP_URL_MAX	 512 /* of a server: paths are appended */

/* PEM files; NULL: none. Copied. */
struct http_tls {
	const char *ca, *cert, *key;
};

/* The result of a call. */
struct http_result {
	int error;	     /* 0: @status and @body are valid; -ECONNREFUSED: the server never
				got the request; others: it may have */
	long status;	     /* of HTTP */
	const char *body;    /* zero-terminated, valid for the call */
	size_t length;	     /* of @body */
	const char *trouble; /* if @error: the error message */
};

/* The JSON of @result, a new reference; NULL: there is none, see http_trouble(). */
json_t *http_json(const struct http_result *result);

/* The error message of a failed @result: @member of the server's JSON, if it has one. If the status
 * is good, the answer isn't the expected JSON; the message then begins with @not_whose ("isn't
 * etcd's"). Returns @text, or a string of @result. */
const char *http_trouble(const struct http_result *result, const char *member,
			 const char *not_whose, char text[HTTP_TROUBLE_MAX]);

/* -EINVAL with @err if @url isn't http:// or https://, is longer than HTTP_URL_MAX, or has a user:
 * it would be in log lines. @what it is the URL of: "server". */
int http_check_url(const char *url, const char *what, struct err *err);

/* @text as part of a URL's query, which the caller frees. */
char *http_escape(const char *text);

typedef void http_done_fn(const struct http_result *result, void *userdata);
/* A line of a stream, of @length bytes, with its newline behind them; NULL: the stream has begun.
 */
typedef void http_line_fn(const char *line, size_t length, void *userdata);

/* -ENOENT and others with @err for files that can't be read. */
int http_new(sd_event *event, const struct http_tls *tls, struct http **ret_http, struct err *err);
/* Cancels all calls. */
void http_free(struct http *http);

/* All is copied. */
struct http_request {
	const char *method; /* NULL: POST */
	const char *url;
	const char *body;	  /* JSON; NULL: none */
	const char *content_type; /* NULL: application/json */
	const char *token;	  /* bearer token; NULL: none */
	/* Without @line: the time limit of the whole call. With @line: that of the connection;
	 * the body of an answer with status 200 is passed to @line as it comes, and as fast as
	 * turns of the event loop allow. */
	uint64_t timeout_ns;
	uint64_t silence_ns; /* with @line: ends the call after this long without data; 0: never */
	http_done_fn *done;
	http_line_fn *line;
	void *userdata;
};

/* Sends @request. Its @done is called once, from the event loop, unless the call is cancelled. */
struct http_call *http_send(struct http *http, const struct http_request *request);

/* Neither @done nor @line is called any more. NULL is fine. */
void http_cancel(struct http_call *call);

#endif
