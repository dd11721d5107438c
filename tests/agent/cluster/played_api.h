/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An API server that a test plays, in place of agent/kube/http.c. */
#ifndef TEST_PLAYED_API_H
#define TEST_PLAYED_API_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>

#define SERVICES "/api/v1/namespaces/default/services/"
#define POOLS	 "/apis/cilium.io/v2/ciliumloadbalancerippools/"
#define POLICIES "/apis/cilium.io/v2alpha1/ciliuml2announcementpolicies/"

struct http_call;

struct played_api {
	struct http_call *streams;
	json_t *objects; /* by path */
	int version;
	size_t writes;	     /* of Services' statuses, answered */
	bool flaps;	     /* all Services but s9 change after each write */
	bool secret;	     /* changes of Services aren't shown to watches yet */
	int refuse, fail;    /* so many writes of Services: by a conflict, after they were done */
	const char *spurned; /* path of an object of which each write is invalid */
	size_t spurns;	     /* so many were */
	const char *ignored; /* part of paths: writes there are accepted, but change nothing */
	size_t ignores;	     /* so many were */
	int denied;	     /* writes of Services and Events, each time in other words */
	bool denies;	     /* all those */
};

extern struct played_api server;

/* Shows watches the object at @path. */
void show(const char *path, const char *type);

/* Ends watches that show @path, as if the server no longer had what follows. */
void expire(const char *path);

/* Takes over @object. @type: of the event that watches get. */
void store(const char *path, json_t *object, const char *type);

/* Changes @path's object by a merge patch. */
json_t *change(const char *path, json_t *patch);

/* JSON with ' for ". */
json_t *parse(const char *format, ...);

#endif
