/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where manifests come from: a directory, or a Kubernetes API server. Both are followed. */
#ifndef XDP_L2RESPD_SOURCE_H
#define XDP_L2RESPD_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

#include "allocator.h"
#include "announced.h"
#include "err.h"
#include "kube_events.h"
#include "kube_login.h"
#include "manifest.h"
#include "reason.h"

struct source;

struct source_callbacks {
	/* The manifests are others than before, or known for the first time. */
	void (*changed)(void *userdata);
	/* What isn't used, and why, and what pools gave; @priority as in syslog(3). */
	void (*log)(int priority, const char *text, void *userdata);
	/* After source_stop(): no other node waits for this one. */
	void (*stopped)(void *userdata);
};

/* All is copied. */
struct source_options {
	const char *directory;	 /* NULL: Kubernetes */
	const char *assignments; /* with a directory: the file of what pools gave; copies of
				  * manifests are beside it (last_good.h) */
	struct kube_login_options kubernetes; /* where there is no directory */
	const char *node;		      /* this one */
	struct service_class class;	      /* Services of it may have addresses of pools */
	bool pools; /* at a server: this node may be the one that gives the pools' addresses */
	/* Nothing is written: no file, nothing at the server. */
	bool read_only;
	bool reserve; /* pools give nothing before source_reserve() */
};

/*
 * A directory: reads every *.yaml, *.yml and *.json in it, in the order of their names as kubectl
 * does. A file that is wrong counts as it was when it was last right, in this process or before, or
 * as absent. A directory that isn't there yet counts as empty, and is looked for again. It is
 * followed where @event isn't NULL.
 *
 * Kubernetes: begins to list and watch, on @event. Nothing is known until all is listed. An object
 * that is wrong counts as it was when it was last right; while the server is out of reach, all
 * count as they were.
 *
 * Errors of inotify, and those of kube_login(), with @err.
 */
int source_new(sd_event *event, const struct source_options *options,
	       const struct source_callbacks *callbacks, void *userdata, struct source **ret_source,
	       struct err *err);

/* Gives up what other nodes could do in its place; stopped() says when, before or after return. */
void source_stop(struct source *source);

void source_free(struct source *source);

/* What the files say, in their order, or the objects; valid until the callback changed(), or
 * source_free(). */
const struct manifest *const *source_manifests(const struct source *source, size_t *ret_count);

/* Was everything read once? */
bool source_known(const struct source *source);

struct source_status {
	bool known;	      /* source_known() */
	bool reachable;	      /* nothing failed when it was last tried */
	struct err trouble;   /* what is wrong now; empty: nothing */
	struct err note;      /* what is right, and likely not meant; empty: nothing */
	size_t broken;	      /* files or objects that are wrong now */
	size_t kinds_missing; /* that the server doesn't know */
	bool leads;	      /* this node says and does what is said and done once for all */
	/* of the pools; NULL where another node decides */
	const struct allocator *allocator;
};

void source_status(const struct source *source, struct source_status *ret_status);

/* Whether @options would make the same source. */
bool source_same(const struct source *source, const struct source_options *options);

/* Are the other Nodes among the manifests? With @follow an API server is asked for them from now
 * on, and changed() follows: a node that wants nothing needn't know their addresses. */
bool source_nodes(struct source *source, bool follow);

/* Does this node decide what pools give, and are there any? */
bool source_gives(const struct source *source);

/* Nodes have @addresses, in ascending order, as their own: pools give none of them. The
 * manifests may be others after return, of which changed() doesn't tell. */
void source_reserve(struct source *source, const struct address_list *addresses);

/* Why pools give @service nothing, or no more, as far as it is known here; REASON_NONE: there is no
 * such reason. */
void source_why_no_more(const struct source *source, const struct service *service,
			struct why *ret_why);

/* Is there a way to tell people of a Service? */
bool source_tells(const struct source *source);

/* Says it to them: as Kubernetes' Events, and as a condition of the Service. Nothing waits for
 * that.
 */
void source_say_event(struct source *source, const struct kube_event *event);
void source_say_announced(struct source *source, const struct announced *announced);

/* Reads a directory again, every file whose time, size or inode is another; all if @all. */
void source_rescan(struct source *source, bool all);

#endif
