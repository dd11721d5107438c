/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two kinds of source have in common. */
#ifndef XDP_L2RESPD_SOURCE_BASE_H
#define XDP_L2RESPD_SOURCE_BASE_H

#include "source.h"
#include "source_items.h"

struct source {
	const struct source_ops *ops;
	struct source_callbacks callbacks;
	void *userdata;
	struct source_items items;
	struct address_list reserved; /* that pools don't give, ascending */
	bool unreserved;	      /* that isn't known yet */
	char *conflicts;	      /* what was last said of pools, a line each; NULL: nothing */
};

struct source_ops {
	void (*free)(struct source *source);
	/* NULL: it is shown all that happens */
	void (*rescan)(struct source *source, bool all);
	bool (*same)(const struct source *source, const struct source_options *options);
	bool (*known)(const struct source *source);
	/* fills in what isn't of the items */
	void (*status)(const struct source *source, struct source_status *status);
	/* what is reserved is known now, or changed */
	void (*reserve)(struct source *source);
	/* as source_nodes(); NULL: all are known with the rest */
	bool (*nodes)(struct source *source, bool follow);
	/* NULL: there is nothing to stop */
	void (*stop)(struct source *source);
	/* NULL: nobody would see it */
	void (*say_event)(struct source *source, const struct kube_event *event);
	void (*say_announced)(struct source *source, const struct announced *announced);
};

/* The two kinds. */
int source_directory_new(sd_event *event, const struct source_options *options,
			 const struct source_callbacks *callbacks, void *userdata,
			 struct source **ret_source, struct err *err);
int source_kubernetes_new(sd_event *event, const struct source_options *options,
			  const struct source_callbacks *callbacks, void *userdata,
			  struct source **ret_source, struct err *err);

/* @options of a server as text, to compare, with what is in the kubeconfig: who writes that anew
 * and reloads wants to be believed. */
char *source_options_text(const struct source_options *options);

void source_say(const struct source *source, int priority, const char *text);

/* Must pools wait until it is known what is reserved? */
bool source_waits(const struct source *source);

/* Appends @text to the char * at @notes, as a line: an object_note_fn. */
void source_note(const char *text, void *notes);

/* One line for a Service whose addresses of pools, or whose want of them, are news. */
void source_say_verdict(const struct source *source, const struct verdict *verdict);

/* One line for each pool in conflict, once. */
void source_say_conflicts(struct source *source, const struct allocator *allocator);

#endif
