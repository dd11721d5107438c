/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Named manifests, of files or of objects: each as it was when it was last right. */
#ifndef XDP_L2RESPD_SOURCE_ITEMS_H
#define XDP_L2RESPD_SOURCE_ITEMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <jansson.h>

#include "manifest.h"

/* Of a Service: another xdp-l2resp.io/Announced than it has. */
struct condition_due {
	const char *state; /* NULL: it is removed */
	char *reason, *message;
	uint64_t since_ns; /* when it was first wanted */
	bool ripe;	   /* to be written now */
};

/* NULL is fine. */
void condition_due_free(struct condition_due *due);

struct source_item {
	char *name;
	struct manifest manifest;
	bool broken;	/* as it is now; the manifest is from before */
	bool present;	/* seen in this scan or list */
	struct stat st; /* of a file */
	/* of an object */
	uint64_t version;	  /* its resourceVersion */
	uint64_t written_version; /* that our last write of its status made; 0: none */
	json_int_t generation;	  /* its metadata.generation; 0: none */
	const char *api;	  /* that it is served by */
	json_t *status;
	json_t *wanted;	   /* the conditions that it should have; NULL: those that it has */
	bool pools_behind; /* kube_pools hasn't seen it as it is now */
	bool unwritten;	   /* its status may differ from what kube_pools decided */
	struct condition_due *condition_due; /* to be written; NULL: nothing is */
	uint64_t condition_spent_ns;	     /* of the rate of such writes */
	uint64_t rest; /* kube_conditions_rest() of a Service, kube_nodes_rest(); 0: not known */
	char *logged;  /* what was said to be wrong with it; NULL: nothing is */
	char *noted;   /* what was said to be ignored of it; NULL: nothing is */
};

/* A server that shows more objects is broken, or hostile: they are left out. */
#define SOURCE_ITEMS_MAX  50000
#define SOURCE_ITEMS_FULL "there are more than 50000 objects; what comes after them is left out"

/* All zero is none. */
struct source_items {
	struct source_item **list;   /* by name */
	struct manifest **manifests; /* of the list */
	size_t count, capacity, manifest_capacity;
};

void source_items_free(struct source_items *items);

/* The item called @name; NULL: there is none. */
struct source_item *source_items_find(const struct source_items *items, const char *name);
/* The same, made if it isn't there. */
struct source_item *source_items_get(struct source_items *items, const char *name);

/* Removes the item called @name, if it is there. */
void source_items_remove(struct source_items *items, const char *name);

/* Items whose names begin with @prefix: none of them is present. */
void source_items_mark(struct source_items *items, const char *prefix);
/* Removes those of them that aren't present; returns whether there were any. */
bool source_items_sweep(struct source_items *items, const char *prefix);

/* Objects are items called PREFIX NAMESPACE/NAME, without a namespace PREFIX /NAME. */
#define SOURCE_ITEM_SERVICES "services "
#define SOURCE_ITEM_NODES    "nodes "
#define SOURCE_ITEM_POLICIES "policies "
#define SOURCE_ITEM_POOLS    "pools "

/* The item of an object, by its kind's prefix; NULL: there is none. @namespace may be NULL. */
struct source_item *source_items_find_object(const struct source_items *items, const char *prefix,
					     const char *namespace, const char *name);
struct source_item *source_items_get_object(struct source_items *items, const char *prefix,
					    const char *namespace, const char *name);

/* What changes with each write of @object: its version and status. */
void source_item_set_version(struct source_item *item, const json_t *object);

/* The Service of @item; NULL: it is another object, or never was right. */
struct service *source_item_service(const struct source_item *item);

/* NAMESPACE/NAME of an object, or NAME, for messages and URLs; borrowed from the item. */
const char *source_item_object_name(const struct source_item *item);

/* What is ignored of @item is @notes, a line each, which is consumed; NULL: nothing. Calls @say for
 * each line, unless it was the same before: an update of the status changes the version, too. */
void source_item_note(struct source_item *item, char *notes,
		      void (*say)(int priority, const char *line, void *data), void *data);

/* @item becomes @manifest, which is consumed. With a @fault it stays as it was, and @say is told
 * why, unless that was the same before. */
void source_item_replace(struct source_item *item, struct manifest *manifest, const char *fault,
			 void (*say)(int priority, const char *line, void *data), void *data);

#endif
