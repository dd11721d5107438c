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

/* PEM files; NULL where there is none. Copied. */
struct http_tls {
	const char *ca, *cert, *key;
};

/* How a call ended. */
struct http_result {
	int error;	     /* 0: @status and @body are the server's; -ECONNREFUSED: it never got
				the request; else it may have */
	long status;	     /* of HTTP */
	const char *body;    /* zero-terminated, valid for the call */
	size_t length;	     /* of it */
	const char *trouble; /* if @error: why, for a person */
};

/* The JSON of @result, a new reference; NULL: there is none, see http_trouble(). */
json_t *http_json(const struct http_result *result);

/* Why @result isn't what was asked for, in the server's own words where it gave any, which are
 * @member of its JSON; an answer with a good status is garbage, which @not_whose ("isn't etcd's")
 * says. @text, or one of @result's. */
const char *http_trouble(const struct http_result *result, const char *member,
			 const char *not_whose, char text[HTTP_TROUBLE_MAX]);

typedef void http_done_fn(const struct http_result *result, void *userdata);
/* A stream begins (@length may be 0), or a line of its body ended: @text of @length,
 * zero-terminated. Returns how much of it was used; the rest comes again with the end of another
 * line. */
typedef size_t http_data_fn(const char *text, size_t length, void *userdata);

/* -ENOENT and others with @err for files that can't be read. */
int http_new(sd_event *event, const struct http_tls *tls, struct http **ret_http, struct err *err);
/* Ends all calls without a word. */
void http_free(struct http *http);

/* All is copied. */
struct http_request {
	const char *method; /* NULL: POST */
	const char *url;
	const char *body;	  /* JSON; NULL: none */
	const char *content_type; /* NULL: application/json */
	const char *token;	  /* bearer token; NULL: none */
	/* Without @data the answer must be complete within this; with it, it is the time to
	 * connect, and the body of an answer with status 200 is handed on as it comes. */
	uint64_t timeout_ns;
	uint64_t silence_ns; /* with @data: given up after this long without any; 0: never */
	http_done_fn *done;
	http_data_fn *data;
	void *userdata;
};

/* Sends @request. Its @done is called once, from the event loop, unless the call is cancelled. */
struct http_call *http_send(struct http *http, const struct http_request *request);

/* Neither @done nor @data are called any more. NULL is fine. */
void http_cancel(struct http_call *call);

#endif
