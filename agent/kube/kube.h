/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client of the Kubernetes API: requests, and collections that are followed. */
#ifndef XDP_L2RESP_KUBE_H
#define XDP_L2RESP_KUBE_H

#include <stdbool.h>
#include <jansson.h>

#include "err.h"
#include "http.h"

/* Absent strings are NULL. All is copied. */
struct kube_config {
	const char *server;	     /* URL; NULL: in-cluster, by the pod's service account */
	const char *namespace;	     /* NULL: the service account's, or xdp-l2resp */
	const char *token_file;	     /* read again for each request */
	const char *ca, *cert, *key; /* PEM files for TLS; ca NULL: the system's */
	uint64_t timeout_ns;	     /* of a request */
	uint64_t retry_max_ns;	     /* the longest back-off of a watch */
};

struct kube;

/* -EINVAL with @err for what is no server, -ENOENT and others for files that can't be read. */
int kube_new(sd_event *event, const struct kube_config *config, struct kube **ret_kube,
	     struct err *err);
/* Ends all requests without a word; the watches must be gone. NULL is fine. */
void kube_free(struct kube *kube);

const char *kube_server(const struct kube *kube);
const char *kube_namespace(const struct kube *kube);

/* A write is given up after this, or @timeout_ns where that is less. */
#define KUBE_WRITE_NS (5 * UINT64_C(1000000000))

/*
 * Sends the request @method (GET, POST; PATCH, a JSON merge patch) for @path, which begins with a
 * slash, with @body, which may be NULL. @done is called as http_send() says.
 */
struct http_call *kube_request(struct kube *kube, const char *method, const char *path,
			       const json_t *body, http_done_fn *done, void *userdata);

/* PATCH, a strategic merge patch: of lists that have a key, as conditions have their type, only the
 * elements in @body are changed. The server knows it for its own kinds, not for those of CRDs. */
struct http_call *kube_merge_by_key(struct kube *kube, const char *path, const json_t *body,
				    http_done_fn *done, void *userdata);

/* Why a request failed, in the server's own words where it gave any: @text, or one of @result's. */
const char *kube_trouble(const struct http_result *result, char text[HTTP_TROUBLE_MAX]);

/* From the event loop. They may not end or restart their watch. */
struct kube_watch_events {
	unsigned int page; /* objects in a page of the list at most; 0: 250 */
	/* A list begins: what is in no object() until synced() is gone. Its objects are those of
	 * one moment, no older than the request. What is known in a later version than @version,
	 * from the answer to a write, is newer; all else is as listed, also in an earlier one,
	 * since a server may be put back to an earlier state. */
	void (*reset)(uint64_t version, void *userdata);
	/* One that is there, then each change in the order of the server's writes. @object is
	 * borrowed; that of a deletion is as it was last. */
	void (*object)(const json_t *object, bool deleted, void *userdata);
	void (*synced)(void *userdata);
	/* The stream is broken, with why, and will be tried again; or (NULL) it isn't any more. Not
	 * only once each. */
	void (*reachable)(const char *trouble, void *userdata);
	/* The server knows no such collection (404), or not any more. true: it is tried at once,
	 * after kube_watch_move() to where it may be; false: as with reachable(), which isn't
	 * called then. NULL: that is trouble like any other. */
	bool (*missing)(void *userdata);
};

struct kube_watch;

/*
 * Follows the collection at @path ("/api/v1/services", "/api/v1/nodes?fieldSelector=...") from now
 * on. @events must outlive it.
 * Nothing is told from within. Errors with @err.
 */
int kube_watch_new(struct kube *kube, const char *path, const struct kube_watch_events *events,
		   void *userdata, struct kube_watch **ret_watch, struct err *err);
/* NULL is fine. */
void kube_watch_free(struct kube_watch *watch);

/* The collection is at @path from now on. Elsewhere than in missing(), kube_watch_restart() anew
 * must follow. */
void kube_watch_move(struct kube_watch *watch, const char *path);

/* After the list only those objects are shown that match @query ("labelSelector=..."). One that no
 * longer does is shown as deleted. Copied. */
void kube_watch_narrow(struct kube_watch *watch, const char *query);

/* Goes on over another connection; or @anew, from a list. */
void kube_watch_restart(struct kube_watch *watch, bool anew);

/* The stream has shown all up to this resourceVersion; 0: it is in its list. */
uint64_t kube_watch_version(const struct kube_watch *watch);

/* The resourceVersion of @object; 0: it has none that a server gives. */
uint64_t kube_version(const json_t *object);

#endif
