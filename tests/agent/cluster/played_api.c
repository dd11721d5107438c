// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <criterion/criterion.h>

#include "alloc.h"
#include "cleanup.h"
#include "http.h"
#include "played_api.h"

struct http {
	sd_event *event;
};

struct http_call {
	struct http_call *next;
	struct http_request
		request; /* method and body: owned; path as the URL without the server */
	char *path;
	sd_event_source *answer; /* NULL: of a stream */
};

struct played_api server;

/* Is the object at @path in @collection, of its namespace or of all? */
static bool within(const char *collection, const char *path)
{
	const char *name = strrchr(path, '/'), *all = strstr(path, "/namespaces/");
	size_t length = name - path;

	if (strlen(collection) == length && !strncmp(collection, path, length))
		return true;
	if (!all || strstr(collection, "/namespaces/"))
		return false;
	length = all - path;
	all = strchr(all + strlen("/namespaces/"), '/');
	return all && all < name && !strncmp(collection, path, length) &&
	       strlen(collection) == length + (name - all) &&
	       !strncmp(collection + length, all, name - all);
}

static void send(const char *path, const char *text)
{
	for (struct http_call *call = server.streams, *next; call; call = next) {
		next = call->next;
		if (within(call->path, path))
			call->request.line(text, strlen(text), call->request.userdata);
	}
}

void show(const char *path, const char *type)
{
	json_t *event =
		json_pack("{ss sO}", "type", type, "object", json_object_get(server.objects, path));
	_cleanup_free_ char *text = json_dumps(event, JSON_COMPACT);

	json_decref(event);
	send(path, text);
}

void expire(const char *path)
{
	send(path, "{\"type\": \"ERROR\", \"object\": {\"code\": 410}}");
}

void store(const char *path, json_t *object, const char *type)
{
	_cleanup_free_ char *version = xasprintf("%d", ++server.version);

	json_object_set_new(json_object_get(object, "metadata"), "resourceVersion",
			    json_string(version));
	json_object_set_new(server.objects, path, object);
	if (!server.secret || !strstr(path, "/services/"))
		show(path, type);
}

json_t *change(const char *path, json_t *patch)
{
	json_t *object = json_deep_copy(json_object_get(server.objects, path));

	json_object_del(json_object_get(patch, "metadata"), "resourceVersion");
	json_object_update_recursive(object, patch);
	json_decref(patch);
	store(path, object, "MODIFIED");
	return object;
}

json_t *parse(const char *format, ...)
{
	char text[1024];
	json_error_t error;
	va_list list;
	json_t *json;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	for (char *at = text; *at; at++)
		if (*at == '\'')
			*at = '"';
	json = json_loads(text, 0, &error);
	cr_assert(json, "%s: %s", text, error.text);
	return json;
}

static json_t *list(const char *collection, const char *query)
{
	const char *limit = strstr(query, "limit="), *from = strstr(query, "continue=");
	long most = limit ? atol(limit + strlen("limit=")) : 0;
	long at = from ? atol(from + strlen("continue=")) : 0, count = 0;
	json_t *items = json_array(), *object;
	const char *path;
	char more[24] = "";

	json_object_foreach(server.objects, path, object)
	{
		if (!within(collection, path) || count++ < at)
			continue;
		if (count > at + most) {
			snprintf(more, sizeof(more), "%ld", at + most);
			break;
		}
		json_array_append(items, object);
	}
	return json_pack("{s{ss} so}", "metadata", "continue", more, "items", items);
}

static json_t *answer_of(struct http_call *call, long *ret_status, int *ret_error)
{
	char *query = strchr(call->path, '?');
	json_t *body = call->request.body ? json_loads(call->request.body, 0, NULL) : NULL, *answer;
	bool of_service = !strncmp(call->path, SERVICES, strlen(SERVICES));

	if (query)
		*query++ = '\0';
	*ret_status = 200;
	if (!strcmp(call->request.method, "GET")) {
		_cleanup_free_ char *version = xasprintf("%d", server.version);

		answer = list(call->path, query ?: "");
		json_object_set_new(json_object_get(answer, "metadata"), "resourceVersion",
				    json_string(version));
		return answer;
	}
	if (server.denies && (of_service || strstr(call->path, "/events"))) {
		_cleanup_free_ char *message = xasprintf("no, for time %d", ++server.denied);

		json_decref(body);
		*ret_status = 403;
		return json_pack("{ss}", "message", message);
	}
	if (!strcmp(call->request.method, "POST")) {
		_cleanup_free_ char *path =
			xasprintf("%s/%s", call->path,
				  json_string_value(json_object_get(
					  json_object_get(body, "metadata"), "name")));

		store(path, body, "ADDED");
		return json_incref(body);
	}
	if (of_service && server.refuse) {
		server.refuse--;
		json_decref(body);
		*ret_status = 409;
		return json_object();
	}
	if (strstr(call->path, "/status"))
		*strstr(call->path, "/status") = '\0';
	if (server.spurned && !strcmp(call->path, server.spurned)) {
		server.spurns++;
		json_decref(body);
		*ret_status = 422;
		return json_pack("{ss}", "message", "it is invalid");
	}
	if (server.ignored && strstr(call->path, server.ignored)) {
		server.ignores++;
		json_decref(body);
		return json_incref(json_object_get(server.objects, call->path));
	}
	answer = json_incref(change(call->path, body));
	server.writes += of_service;
	if (of_service && server.flaps && strcmp(call->path, SERVICES "s9") != 0)
		change(call->path, parse("{'metadata': {'generation': %d}}", server.version));
	if (of_service && server.fail) {
		server.fail--;
		*ret_error = -ETIMEDOUT;
	}
	return answer;
}

static void call_free(struct http_call *call)
{
	sd_event_source_disable_unref(call->answer);
	free((char *)call->request.method);
	free((char *)call->request.body);
	free(call->path);
	free(call);
}

static int on_answer(sd_event_source *source, void *userdata)
{
	struct http_call *call = userdata;
	struct http_result result = {};
	json_t *json = answer_of(call, &result.status, &result.error);
	_cleanup_free_ char *text = json_dumps(json, JSON_COMPACT);

	json_decref(json);
	result.body = text;
	result.trouble = "it was lost";
	result.length = strlen(text);
	call->request.done(&result, call->request.userdata);
	call_free(call);
	return 0;
}

int http_new(sd_event *event, const struct http_tls *tls, struct http **ret_http, struct err *err)
{
	*ret_http = xcalloc(1, sizeof(**ret_http));
	(*ret_http)->event = event;
	return 0;
}

void http_free(struct http *http)
{
	free(http);
}

struct http_call *http_send(struct http *http, const struct http_request *request)
{
	struct http_call *call = xcalloc(1, sizeof(*call));

	call->request = *request;
	call->request.method = xstrdup(request->method ?: "POST");
	call->request.body = request->body ? xstrdup(request->body) : NULL;
	call->path = xstrdup(request->url + strlen("http://played"));
	if (request->line) {
		*strchr(call->path, '?') = '\0';
		call->next = server.streams;
		server.streams = call;
	} else {
		sd_event_add_defer(http->event, &call->answer, on_answer, call);
	}
	return call;
}

void http_cancel(struct http_call *call)
{
	struct http_call **at = &server.streams;

	if (!call)
		return;
	while (*at && *at != call)
		at = &(*at)->next;
	if (*at)
		*at = call->next;
	call_free(call);
}
