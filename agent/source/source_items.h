/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Named manifests of files or objects, each in its last valid version. */
#ifndef XDP_L2RESPD_SOURCE_ITEMS_H
#define XDP_L2RESPD_SOURCE_ITEMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <jansson.h>

#include "manifest.h"
#include "share.h"

/* A change of a Service's condition xdp-l2resp.io/Announced. */
struct condition_due {
	const char *state; /* NULL: remove the condition */
	char *reason, *message;
	uint64_t since_ns; /* when the change was first requested */
	bool ripe;	   /* the grace period is over: write it */
};

/* NULL is fine. */
void condition_due_free(struct condition_due *due);

struct source_item {
	char *name;
	struct manifest manifest;
	bool broken;	/* invalid now; the manifest is its last valid version */
	bool present;	/* seen in this scan or list */
	size_t cost;	/* of its Services in the newest version, see service_cost() */
	size_t refused; /* of those in the current version, which didn't fit; 0: they did */
	struct source_item *share_before, *share_behind; /* in its share, if it has a cost */
	/* of a file */
	struct stat st;
	struct manifest *next; /* its new version, until it is in force; NULL: there is none */
	/* of an object */
	uint64_t version;	  /* its resourceVersion */
	uint64_t written_version; /* resourceVersion after our last write of its status; 0: none */
	json_int_t generation;	  /* its metadata.generation; 0: none */
	const char *api;	  /* API group and version that serves it */
	json_t *status;
	json_t *wanted;	   /* the conditions that it should have; NULL: it has them */
	bool pools_behind; /* cluster_pools hasn't handled its current version yet */
	bool unwritten;	   /* its status may differ from what cluster_pools decided */
	bool unwritable;   /* the last write of that failed; it is written again later */
	struct condition_due *condition_due; /* NULL: no change is pending */
	uint64_t condition_spent_ns;	     /* rate limit of such writes */
	uint64_t hash; /* cluster_conditions_hash(), cluster_nodes_hash() or of a pool;
			* 0: not known */
	char *logged;  /* the fault that was logged; NULL: none */
	char *noted;   /* the ignored parts that were logged; NULL: none */
};

/* A server with more Services, or more objects of all other kinds together, is broken or hostile:
 * further ones are ignored, those of the largest namespaces. They are listed again below
 * SOURCE_ITEMS_AGAIN, so that one object that comes and goes doesn't cause a list each time. */
#define SOURCE_ITEMS_MAX   50000
#define SOURCE_ITEMS_AGAIN (SOURCE_ITEMS_MAX / 10 * 9)
#define SOURCE_ITEMS_FULL  "there are more than 50000 objects; the others are ignored"

/* All Services together, over which one is as if it were invalid: those of the largest namespaces.
 */
#define SOURCE_COST_MAX	  (256U << 20)
#define SOURCE_COST_AGAIN (SOURCE_COST_MAX / 4 * 3)
#define SOURCE_COST_FULL  "all Services together would take more than 256 MiB of memory"

/* Zeroed: empty. */
struct source_items {
	struct source_item **list;   /* sorted by name, Services by namespace, then name */
	struct manifest **manifests; /* of the items, in the same order */
	size_t count, capacity, manifest_capacity;
	struct shares memory;	/* the items' cost */
	struct shares services; /* how many there are */
};

void source_items_free(struct source_items *items);

/* The item called @name; NULL: there is none. */
struct source_item *source_items_find(const struct source_items *items, const char *name);
/* The item called @name, created if it doesn't exist. */
struct source_item *source_items_get(struct source_items *items, const char *name);

/* Is there an item whose name begins with @prefix? */
bool source_items_any(const struct source_items *items, const char *prefix);

/* Removes the item called @name, if it exists. */
void source_items_remove(struct source_items *items, const char *name);

/* The Service that must give way to another one of @namespace, which may be NULL, if there is no
 * room: the last of a larger namespace. NULL: there is none. */
struct source_item *source_items_last_of_larger(struct source_items *items, const char *namespace);

/* Marks items whose names begin with @prefix as not present. */
void source_items_mark(struct source_items *items, const char *prefix);
/* Removes items with @prefix that aren't present; returns whether there were any. */
bool source_items_sweep(struct source_items *items, const char *prefix);

/* Prefixes of the names of objects' items: PREFIX NAMESPACE/NAME; without a namespace PREFIX /NAME.
 */
#define SOURCE_ITEM_SERVICES "services "
#define SOURCE_ITEM_NODES    "nodes "
#define SOURCE_ITEM_POLICIES "policies "
#define SOURCE_ITEM_POOLS    "pools "

/* The item of an object by its kind's prefix; find returns NULL if there is none, get creates it.
 * @namespace may be NULL. */
struct source_item *source_items_find_object(const struct source_items *items, const char *prefix,
					     const char *namespace, const char *name);
struct source_item *source_items_get_object(struct source_items *items, const char *prefix,
					    const char *namespace, const char *name);

/* Copies the parts of @object that change with each write: its version and status. */
void source_item_set_version(struct source_item *item, const json_t *object);

/* What @manifest costs if there is no room for it in place of @item's; 0: there is. */
size_t source_item_excess(const struct source_items *items, const struct source_item *item,
			  const struct manifest *manifest);
/* The same, of an object. If others must give way to it, their manifests are removed, as if the
 * server had refused them, and @left_out is called for each. */
size_t source_item_make_room(struct source_items *items, const struct source_item *item,
			     const struct manifest *manifest,
			     void (*left_out)(struct source_item *item, void *data), void *data);
/* Does what was refused of @item fit now? */
bool source_item_room(const struct source_items *items, const struct source_item *item);
/* Sets @item's manifest to @manifest, which it takes ownership of. */
void source_item_set(struct source_items *items, struct source_item *item,
		     struct manifest *manifest);
/* The same in two steps: until the second, the former manifest is in force. */
void source_item_set_next(struct source_items *items, struct source_item *item,
			  struct manifest *manifest);
void source_item_use_next(struct source_item *item);
/* What is in force, or will be. */
struct manifest *source_item_newest(struct source_item *item);

/* Is @item of the kind with @prefix? */
bool source_item_is(const struct source_item *item, const char *prefix);

/* The Service of @item; NULL: it is another object, or has never been valid. */
struct service *source_item_service(const struct source_item *item);

/* NAMESPACE/NAME of an object, or NAME, for messages and URLs; borrowed from the item. */
const char *source_item_object_name(const struct source_item *item);

/* Sets the ignored parts of @item to @notes, one a line, which it takes ownership of; NULL: none.
 * Calls @say for each line unless the notes are unchanged, as after an update of the status. */
void source_item_note(struct source_item *item, char *notes,
		      void (*say)(int priority, const char *line, void *data), void *data);

/* Replaces @item's manifest by @manifest, which it takes ownership of. With a @fault the old
 * manifest stays; calls @say with the fault unless it is unchanged. */
void source_item_replace(struct source_items *items, struct source_item *item,
			 struct manifest *manifest, const char *fault,
			 void (*say)(int priority, const char *line, void *data), void *data);

#endif
