/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two kinds of source have in common: named manifests, of files or of objects. */
#ifndef XDP_L2RESPD_SOURCE_ITEMS_H
#define XDP_L2RESPD_SOURCE_ITEMS_H

#include <sys/stat.h>

#include "source.h"

/* A file or an object, as it was when it was last right. */
struct source_item {
	char *name;
	struct manifest manifest;
	bool broken;	/* as it is now; the manifest is from before */
	bool present;	/* seen in this scan or list */
	struct stat st; /* of a file */
	/* of an object */
	uint64_t version; /* its resourceVersion */
	json_t *status;
	json_t *wanted; /* the conditions that it should have; NULL: those that it has */
	bool unfed;	/* pools haven't been told how it is now */
	char *said;	/* in the log, of what is wrong with it; NULL: nothing is */
};

struct source {
	const struct source_ops *ops;
	struct source_callbacks callbacks;
	void *userdata;
	struct source_item **items;  /* by name */
	struct manifest **manifests; /* of items */
	size_t count, capacity;
};

struct source_ops {
	void (*free)(struct source *source);
	void (*rescan)(struct source *source, bool all);
	bool (*same)(const struct source *source, const struct source_options *options);
	bool (*known)(const struct source *source);
	/* fills in what isn't of the items */
	void (*status)(const struct source *source, struct source_status *status);
	/* NULL: nobody would see it */
	void (*say_event)(struct source *source, const struct kube_event *event);
};

/* The two kinds. */
int source_directory_new(sd_event *event, const struct source_options *options,
			 const struct source_callbacks *callbacks, void *userdata,
			 struct source **ret_source, struct err *err);
int source_kubernetes_new(sd_event *event, const struct source_options *options,
			  const struct source_callbacks *callbacks, void *userdata,
			  struct source **ret_source, struct err *err);

void source_say(const struct source *source, int priority, const char *text);

/* The item called @name; NULL: there is none. */
struct source_item *source_find(const struct source *source, const char *name);
/* The same, made if it isn't there. NULL: out of memory. */
struct source_item *source_get(struct source *source, const char *name);

/* Drops the item called @name, if it is there. */
void source_remove(struct source *source, const char *name);

/* Items whose names begin with @prefix: none of them is present. */
void source_mark(struct source *source, const char *prefix);
/* Drops those of them that aren't present; returns whether there were any. */
bool source_sweep(struct source *source, const char *prefix);

/* One line for a Service whose addresses of pools, or whose want of them, are news. */
void source_say_verdict(const struct source *source, const struct verdict *verdict);

#endif
