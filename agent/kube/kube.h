/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client of the Kubernetes API: requests, and collections that are followed. */
#ifndef XDP_L2RESP_KUBE_H
#define XDP_L2RESP_KUBE_H

#include <stdbool.h>
#include <jansson.h>

#include "clock.h"
#include "err.h"
#include "http.h"

/* Absent strings are NULL. All is copied. */
struct kube_config {
	const char *server;	     /* URL; NULL: in-cluster, by the pod's service account */
	const char *namespace;	     /* NULL: the service account's, or xdp-l2resp */
	const char *token_file;	     /* read again for each request */
	const char *ca, *cert, *key; /* PEM files for TLS; ca NULL: the system's */
	uint64_t timeout_ns;	     /* of a request */
	uint64_t retry_max_ns;	     /* maximum back-off of a watch */
};

struct kube;

/* Errors with @err: -EINVAL if @config names no valid server, -ENOENT and others for files that
 * can't be read. */
int kube_new(sd_event *event, const struct kube_config *config, struct kube **ret_kube,
	     struct err *err);
/* Cancels all requests. The watches must have been freed. NULL is fine. */
void kube_free(struct kube *kube);

const char *kube_server(const struct kube *kube);
const char *kube_namespace(const struct kube *kube);

/* Time limit of a write, unless @timeout_ns is less. */
#define KUBE_WRITE_NS (5 * CLOCK_NS_PER_S)

/*
 * Sends the request @method (GET, POST; PATCH, a JSON merge patch) for @path, which begins with a
 * slash, with @body, which may be NULL. @done is called as http_send() says.
 */
struct http_call *kube_request(struct kube *kube, const char *method, const char *path,
			       const json_t *body, http_done_fn *done, void *userdata);

/* PATCH with a strategic merge patch: lists whose elements have a key, such as the type of
 * conditions, are merged by it. The server supports this for its own kinds, but not for CRDs. */
struct http_call *kube_merge_by_key(struct kube *kube, const char *path, const json_t *body,
				    http_done_fn *done, void *userdata);

/* Why a request failed: the server's message, if it sent one. Returns @text, or a string of
 * @result. */
const char *kube_trouble(const struct http_result *result, char text[HTTP_TROUBLE_MAX]);

/* Keeps in *@last why a request failed. Returns whether that differs from what was there; empty:
 * nothing was. */
bool kube_trouble_changes(const struct http_result *result, struct err *last);

/* A copy of @object without what each write changes, its version and who wrote which field: a new
 * reference. Its other members are those of @object. */
json_t *kube_copy(const json_t *object);

/* Called from the event loop. They must not free or restart their watch. */
struct kube_watch_events {
	unsigned int page; /* maximum number of objects per page of the list; 0: 250 */
	/* A list begins: objects for which object() isn't called before synced() no longer exist.
	 * The list is a consistent state, no older than the request. Only an object whose known
	 * version is later than @version, from the answer to a write, is newer than the list. A
	 * listed version may be lower than the known one, since a server may be restored to an
	 * earlier state. */
	void (*reset)(uint64_t version, void *userdata);
	/* Called for each object of the list, then for each change in the order of the server's
	 * writes. @object is borrowed. @deleted: it is the object's last state. */
	void (*object)(const json_t *object, bool deleted, void *userdata);
	/* The same for an object that can't be parsed, and exists: of @object only the metadata
	 * counts. @why continues a sentence that begins with the object's name. If NULL, neither
	 * the list nor the watch gets past it. */
	void (*unparsed)(const json_t *object, const char *why, void *userdata);
	void (*synced)(void *userdata);
	/* @trouble: why the server can't be read; the watch retries. NULL: it can be read. May be
	 * called repeatedly with the same. */
	void (*reachable)(const char *trouble, void *userdata);
	/* The server doesn't know the collection (404). Called instead of reachable(). Returns true
	 * after a kube_watch_move() to another path, which is then tried at once; false: the watch
	 * retries later. If NULL, reachable() is called. */
	bool (*missing)(void *userdata);
};

struct kube_watch;

/*
 * Follows the collection at @path ("/api/v1/services", "/api/v1/nodes?fieldSelector=...") from now
 * on. @events must outlive it.
 * Calls none of @events before it returns. Errors with @err.
 */
int kube_watch_new(struct kube *kube, const char *path, const struct kube_watch_events *events,
		   void *userdata, struct kube_watch **ret_watch, struct err *err);
/* NULL is fine. */
void kube_watch_free(struct kube_watch *watch);

/* Changes the collection's path. Except in missing(), kube_watch_restart() with @anew must follow.
 */
void kube_watch_move(struct kube_watch *watch, const char *path);

/* After the list, watches only objects that match @query ("labelSelector=..."), which is copied. An
 * object that no longer matches is reported as deleted. */
void kube_watch_narrow(struct kube_watch *watch, const char *query);

/* Resumes over a new connection; @anew: begins with a list. */
void kube_watch_restart(struct kube_watch *watch, bool anew);

/* The resourceVersion up to which all changes were reported; 0: the list isn't complete. */
uint64_t kube_watch_version(const struct kube_watch *watch);

/* The resourceVersion of @object; 0: it has none, or an invalid one. */
uint64_t kube_version(const json_t *object);

#endif
