/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Common to the two kinds of source. */
#ifndef XDP_L2RESPD_SOURCE_BASE_H
#define XDP_L2RESPD_SOURCE_BASE_H

#include "source.h"
#include "source_items.h"

struct source {
	const struct source_ops *ops;
	struct source_callbacks callbacks;
	void *userdata;
	struct source_items items;
	struct address_list reserved; /* not to be assigned by pools, ascending */
	bool unreserved;	      /* the reserved addresses aren't known yet */
	struct err pools_wait;	      /* why pools here decide nothing new; empty: they decide */
	char *conflicts;	      /* pools' conflicts logged, one a line; NULL: none */
};

struct source_ops {
	void (*free)(struct source *source);
	/* NULL: the source gets all changes by itself */
	void (*rescan)(struct source *source, bool all);
	bool (*same)(const struct source *source, const struct source_options *options);
	bool (*known)(const struct source *source);
	/* fills in the members that don't depend on the items */
	void (*status)(const struct source *source, struct source_status *status);
	/* the reserved addresses are known now, or have changed */
	void (*reserve)(struct source *source);
	/* as source_nodes(); NULL: all Nodes are read with the other objects */
	bool (*nodes)(struct source *source, bool follow);
	/* NULL: there is nothing to stop */
	void (*stop)(struct source *source);
	/* NULL: the source has no Events and conditions */
	void (*say_event)(struct source *source, const struct source_event *event);
	void (*say_announced)(struct source *source, const struct announced *announced);
};

void source_say(const struct source *source, int priority, const char *text);
/* @origin as in source_callbacks. */
void source_say_of(const struct source *source, int priority, const char *origin, const char *text);
/* The same about the item called @name, an object: its namespace is the origin. */
void source_say_of_item(const struct source *source, int priority, const char *name,
			const char *text);

/* Must pools wait until the reserved addresses are known? */
bool source_waits(const struct source *source);

/* An object_note_fn: appends @text, as a line, to the char * at @notes. */
void source_note(const char *text, void *notes);

/* Logs the addresses that pools have assigned to a Service, or why they haven't. */
void source_say_verdict(const struct source *source, const struct verdict *verdict);

/* Logs each pool in conflict, once. */
void source_say_conflicts(struct source *source, const struct allocator *allocator);

#endif
