/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads manifests from a directory or a Kubernetes API server, and follows changes. */
#ifndef XDP_L2RESPD_SOURCE_H
#define XDP_L2RESPD_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

#include "allocator.h"
#include "announced.h"
#include "err.h"
#include "kube_login.h"
#include "manifest.h"
#include "reason.h"

struct source;

struct source_callbacks {
	/* The manifests have changed, or are known for the first time. */
	void (*changed)(void *userdata);
	/* Logs ignored objects and addresses assigned by pools. @priority as in syslog(3).
	 * @origin: what is limited together, such as a namespace or a file;
	 * NULL: all that has none. */
	void (*log)(int priority, const char *origin, const char *text, void *userdata);
	/* source_stop() is done: other nodes can take over. */
	void (*stopped)(void *userdata);
};

/* All members are copied. */
struct source_options {
	const char *directory;	 /* NULL: Kubernetes */
	const char *assignments; /* with a directory: the file of the pools' assignments; copies of
				  * manifests are beside it (last_good.h) */
	struct kube_login_options kubernetes; /* unless there is a directory */
	const char *node;		      /* this node's name */
	struct service_class class;	      /* pools assign addresses to its Services */
	bool pools;	/* with a server: this node may become the one that assigns addresses */
	bool read_only; /* write no file, and nothing to the server */
	bool reserve;	/* pools assign nothing before source_reserve() */
};

/*
 * Reads every *.yaml, *.yml and *.json in the directory, sorted by name as kubectl does. For an
 * invalid file, its last valid version is used, also one from before a restart; without one, the
 * file is ignored. A missing directory counts as empty, and is looked for again. Changes are
 * followed unless @event is NULL. Errors of inotify with @err. agent/cluster/cluster.h has the
 * other kind of source.
 */
int source_directory_new(sd_event *event, const struct source_options *options,
			 const struct source_callbacks *callbacks, void *userdata,
			 struct source **ret_source, struct err *err);

/* Hands tasks that any node can do over to other nodes. Calls stopped() when that is done, possibly
 * before it returns. */
void source_stop(struct source *source);

void source_free(struct source *source);

/* The manifests of the files, in their order, or of the objects. Valid until the event loop goes
 * on, or another function of the source is called that isn't about const. */
const struct manifest *const *source_manifests(const struct source *source, size_t *ret_count);

/* Has everything been read once? */
bool source_known(const struct source *source);

struct source_status {
	bool known;	      /* source_known() */
	bool reachable;	      /* the last attempts to read all succeeded */
	struct err trouble;   /* current fault; empty: none */
	struct err note;      /* valid, but likely not intended; empty: none */
	size_t broken;	      /* number of files or objects that are invalid now */
	size_t kinds_missing; /* number of kinds that the server doesn't know */
	bool leads;	      /* this node does the tasks of which one node takes care */
	/* of the pools; NULL: another node decides */
	const struct allocator *allocator;
};

void source_status(const struct source *source, struct source_status *ret_status);

/* Would @options make the same source? */
bool source_same(const struct source *source, const struct source_options *options);

/* Are the other Nodes among the manifests? With @follow, an API server is asked for them from now
 * on, and changed() is called when they are known. Only a node with addresses to claim needs them.
 */
bool source_nodes(struct source *source, bool follow);

/* Does this node decide which addresses pools assign, and is there a pool? */
bool source_gives(const struct source *source);

/* Keeps pools from assigning @addresses, the nodes' own, in ascending order. May change the
 * manifests before it returns, without a call of changed(), or later, with one. */
void source_reserve(struct source *source, const struct address_list *addresses);

/* Why pools haven't assigned @service all addresses that it requests, as far as this node knows;
 * REASON_NONE: no reason known. */
void source_why_no_more(const struct source *source, const struct service *service,
			struct why *ret_why);

/* An Event about an address of a Service. All is copied except the reason. */
struct source_event {
	const struct service *service;
	const struct address *address;
	bool warning;
	const char *reason; /* one word, as kubectl shows it */
	const char *message;
	uint64_t repeat_ns; /* the same Event is repeated after this at the earliest; 0: always */
};

/* Can the source have Events and conditions (Kubernetes only)? */
bool source_has_events(const struct source *source);

/* Writes an Event, and a condition of the Service, to Kubernetes. They return at once. */
void source_say_event(struct source *source, const struct source_event *event);
void source_say_announced(struct source *source, const struct announced *announced);

/* Reads a directory again: files whose time, size or inode has changed, or @all. */
void source_rescan(struct source *source, bool all);

#endif
