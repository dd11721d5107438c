// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>
#include <syslog.h>

#include "alloc.h"
#include "cleanup.h"
#include "cluster_collection.h"
#include "cluster_nodes.h"
#include "cluster_policy_faults.h"
#include "json.h"

#define API_COUNT 2

/* Items are named PREFIX NAMESPACE/NAME. If several APIs have a kind, each shows all its objects;
 * the first that is served is followed. */
static const struct {
	const char *apis[API_COUNT], *name, *prefix, *plural;
} kinds[] = {
	[KIND_SERVICE] = { { "v1" }, "Service", SOURCE_ITEM_SERVICES, "services" },
	[KIND_NODE] = { { "v1" }, "Node", SOURCE_ITEM_NODES, "nodes" },
	[KIND_POLICY] = { { "cilium.io/v2alpha1" },
			  "CiliumL2AnnouncementPolicy",
			  SOURCE_ITEM_POLICIES,
			  "ciliuml2announcementpolicies" },
	[KIND_POOL] = { { "cilium.io/v2", "cilium.io/v2alpha1" },
			"CiliumLoadBalancerIPPool",
			SOURCE_ITEM_POOLS,
			"ciliumloadbalancerippools" },
};
_Static_assert(sizeof(kinds) / sizeof(kinds[0]) == KIND_COUNT, "each kind has its row");

/* ---- events of a watch ---- */

static const char *api_of(const struct cluster_collection *collection)
{
	return kinds[collection->kind].apis[collection->api];
}

static char *path_of(const struct cluster_collection *collection)
{
	const char *api = api_of(collection), *plural = kinds[collection->kind].plural;

	return xasprintf("/%s/%s/%s", strchr(api, '/') ? "apis" : "api", api, plural);
}

static void on_reset(uint64_t version, void *userdata)
{
	struct cluster_collection *collection = userdata;
	struct err said;

	if (collection->listed_api && collection->listed_api != api_of(collection)) {
		err_write(&said, "%s isn't served any more; %s is followed", collection->listed_api,
			  api_of(collection));
		cluster_kind_log(&collection->state, LOG_NOTICE, said.text);
	}
	collection->listed_api = api_of(collection);
	collection->left_out = NULL;
	source_items_mark(&collection->cluster->source.items, kinds[collection->kind].prefix);
}

/* An object whose faults are logged. */
struct subject {
	const struct cluster_collection *collection;
	const struct source_item *item;
};

/* Lines about a namespace are limited together, so that none keeps another one's out of the log. */
static void say_line(int priority, const char *line, void *data)
{
	const struct subject *subject = data;
	_cleanup_free_ char *origin = xstrdup(subject->item->name);

	origin[strcspn(origin, "/")] = '\0';
	cluster_kind_log_of(&subject->collection->state, priority, origin, line);
}

/* Of two reasons, that objects aren't known at all is the more important one. */
static void set_full(struct cluster_collection *collection, const char *why)
{
	bool unknown = !strcmp(why, SOURCE_ITEMS_FULL);

	collection->left_out = unknown ? why : collection->left_out ?: why;
	collection->full = unknown ? why : collection->full ?: why;
}

/* @item had to make room for an object of a smaller namespace. */
static void on_left_out(struct source_item *item, void *data)
{
	struct cluster_collection *collection = data;
	struct subject subject = { collection, item };
	struct manifest none = {};
	struct err err;

	set_full(collection, SOURCE_COST_FULL);
	err_write(&err, "%s: " SOURCE_COST_FULL, source_item_object_name(item));
	source_item_replace(&collection->cluster->source.items, item, &none, err.text, say_line,
			    &subject);
}

/* Parses @object again. If it is invalid, its item stays as it was. */
static void parse(struct cluster_collection *collection, struct source_item *item,
		  const json_t *object)
{
	const char *api = json_string_value(json_object_get(object, "apiVersion"));
	const char *name = source_item_object_name(item);
	/* items of a list lack apiVersion and kind */
	json_t *whole = json_copy((json_t *)object);
	const struct place place = { name, NULL };
	struct manifest manifest = {};
	struct subject subject = { collection, item };
	struct err err;
	char *notes = NULL;
	struct source_items *items = &collection->cluster->source.items;
	int r;

	json_object_set_new(whole, "apiVersion", json_string(api_of(collection)));
	json_object_set_new(whole, "kind", json_string(kinds[collection->kind].name));
	if (api && strcmp(api, api_of(collection)) != 0)
		r = err_set(&err, -EINVAL, "%s: version %s isn't known here", name, api);
	else
		r = manifest_add(&manifest, &place, whole, source_note, &notes, &err);
	if (r >= 0)
		item->refused =
			source_item_make_room(items, item, &manifest, on_left_out, collection);
	if (r >= 0 && item->refused) {
		r = err_set(&err, -ENOSPC, "%s: " SOURCE_COST_FULL, name);
		set_full(collection, SOURCE_COST_FULL);
	}
	source_item_note(item, notes, say_line, &subject);
	json_decref(item->wanted);
	item->wanted = collection->kind == KIND_POLICY ? cluster_policy_faults(whole) : NULL;
	json_decref(whole);
	source_item_set_version(item, object);
	source_item_replace(items, item, &manifest, r < 0 ? err.text : NULL, say_line, &subject);
}

/* The objects that the bound of @collection is about: Services, or those of all other kinds. */
static size_t count_objects(const struct cluster_collection *collection)
{
	const struct source_items *items = &collection->cluster->source.items;

	return collection->kind == KIND_SERVICE ? items->services.used
						: items->count - items->services.used;
}

static void remove_item(struct cluster *cluster, const struct source_item *item)
{
	if (cluster->pools)
		cluster_pools_removed(cluster->pools, item);
	source_items_remove(&cluster->source.items, item->name);
	cluster_changed(cluster);
}

/* Is there room for an object that isn't known yet, or does a larger namespace's give way? */
static bool make_room(struct cluster_collection *collection, const char *namespace)
{
	struct source_items *items = &collection->cluster->source.items;
	struct source_item *last = NULL;

	if (count_objects(collection) < SOURCE_ITEMS_MAX)
		return true;
	if (!collection->full)
		cluster_kind_log(&collection->state, LOG_ERR, SOURCE_ITEMS_FULL);
	set_full(collection, SOURCE_ITEMS_FULL);
	if (collection->kind == KIND_SERVICE)
		last = source_items_last_of_larger(items, namespace);
	if (last)
		remove_item(collection->cluster, last);
	return last;
}

/* The item of @object, created if it doesn't exist and @exists. NULL: there is none, or no room. */
static struct source_item *item_of(struct cluster_collection *collection, const json_t *object,
				   bool exists)
{
	struct source_items *items = &collection->cluster->source.items;
	const json_t *metadata = json_object_get(object, "metadata");
	const char *prefix = kinds[collection->kind].prefix;
	const char *namespace = json_string_value(json_object_get(metadata, "namespace"));
	const char *name = json_string_value(json_object_get(metadata, "name"));
	struct source_item *item;

	if (!name) {
		cluster_kind_log(&collection->state, LOG_ERR, "an object without a name");
		return NULL;
	}
	item = source_items_find_object(items, prefix, namespace, name);
	if (!exists || (!item && !make_room(collection, namespace)))
		return item;
	item = source_items_get_object(items, prefix, namespace, name);
	item->present = true;
	item->api = api_of(collection);
	return item;
}

/* This node's object isn't in the list, or was deleted: its item is replaced. */
static void stand_in(struct cluster_collection *collection)
{
	struct cluster *cluster = collection->cluster;
	const char *text = cluster_nodes_stand_in(&cluster->source.items, cluster->node,
						  !collection->state.absent);
	struct err line;

	if (!text)
		return;
	err_write(&line, "%s: %s", cluster->node, text);
	cluster_kind_log(&collection->state, LOG_WARNING, line.text);
}

/* A hash of the pool @object without its status, which the leader writes. */
static uint64_t pool_hash(const json_t *object)
{
	_cleanup_json_ json_t *rest = kube_copy(object);

	json_object_del(rest, "status");
	return json_hash(rest);
}

static void on_object(const json_t *object, bool deleted, void *userdata)
{
	struct cluster_collection *collection = userdata;
	struct cluster *cluster = collection->cluster;
	uint64_t version = kube_version(object), hash = 0;
	struct source_item *item = item_of(collection, object, !deleted);

	if (!item)
		return;
	if (deleted) {
		if (collection->kind != KIND_NODE ||
		    strcmp(source_item_object_name(item), cluster->node) != 0) {
			remove_item(cluster, item);
			return;
		}
		stand_in(collection);
		cluster_changed(cluster);
		return;
	}
	if (version && version == item->version && !item->refused)
		return;
	if (collection->kind == KIND_SERVICE)
		hash = cluster_conditions_hash(object);
	else if (collection->kind == KIND_NODE && !item->broken)
		/* of a wrong one, what it doesn't cover may be right now */
		hash = cluster_nodes_hash(object, cluster->node);
	else if (collection->kind == KIND_POOL)
		hash = pool_hash(object);
	if (hash && hash == item->hash && !item->refused) {
		/* many conditions change at once when a node takes over many addresses */
		source_item_set_version(item, object);
		if (collection->kind == KIND_POOL && cluster->pools)
			cluster_pools_status_changed(cluster->pools);
		return;
	}
	item->hash = hash;
	parse(collection, item, object);
	if (collection->kind == KIND_POOL && cluster->pools)
		cluster_pools_relisted(cluster->pools);
	if (collection->state.known)
		cluster_changed(cluster);
}

/* Its item stays as it was, as that of an invalid object. */
static void on_unparsed(const json_t *object, const char *why, void *userdata)
{
	struct cluster_collection *collection = userdata;
	struct source_item *item = item_of(collection, object, true);
	struct subject subject = { collection, item };
	struct manifest none = {};
	struct err fault;

	if (!item)
		return;
	item->version = kube_version(object);
	item->hash = 0;
	item->refused = 0;
	err_write(&fault, "%s: %s", source_item_object_name(item), why);
	source_item_replace(&collection->cluster->source.items, item, &none, fault.text, say_line,
			    &subject);
	if (collection->state.known)
		cluster_changed(collection->cluster);
}

static void report_listed(const struct cluster_collection *collection)
{
	if (collection->cluster->pools &&
	    (collection->kind == KIND_SERVICE || collection->kind == KIND_POOL))
		cluster_pools_listed(collection->cluster->pools, collection->kind == KIND_POOL);
}

/* The list is complete. */
static void on_synced(void *userdata)
{
	struct cluster_collection *collection = userdata;
	const struct source_item *own =
		source_items_find_object(&collection->cluster->source.items, SOURCE_ITEM_NODES,
					 NULL, collection->cluster->node);

	if (collection->kind == KIND_NODE && (!own || !own->present))
		stand_in(collection);
	/* where objects go all the time, each list would remove some */
	collection->again = source_items_sweep(&collection->cluster->source.items,
					       kinds[collection->kind].prefix) &&
			    !collection->listed_again;
	collection->listed_again = false;
	report_listed(collection);
	collection->state.known = true;
	collection->full = collection->left_out;
	if (collection->kind == KIND_NODE)
		collection->cluster->nodes_known =
			collection->cluster->all_nodes &&
			(collection->cluster->nodes_known || !collection->full);
	cluster_changed(collection->cluster);
}

static void on_reachable(const char *trouble, void *userdata)
{
	struct cluster_collection *collection = userdata;

	cluster_kind_reachable(&collection->state, trouble);
	if (!trouble)
		collection->denied = 0;
}

/* Switches to the next API that may have the kind; false if none has it: back to the first. */
static bool try_next_api(struct cluster_collection *collection)
{
	const char *const *apis = kinds[collection->kind].apis;
	size_t count = apis[1] ? 2 : 1;
	bool left = ++collection->denied < count;
	_cleanup_free_ char *path = NULL;

	if (count == 1)
		return false;
	collection->api = left ? (collection->api + 1) % count : 0;
	path = path_of(collection);
	kube_watch_move(collection->watch, path);
	if (!left)
		collection->denied = 0;
	return left;
}

static bool on_missing(void *userdata)
{
	struct cluster_collection *collection = userdata;

	if (try_next_api(collection))
		return true;
	if (!cluster_kind_missing(&collection->state,
				  "the server doesn't know this kind; objects that are known count "
				  "for a minute as they were")) {
		/* it is asked for again and again */
		if (collection->cluster->pools && collection->kind == KIND_POOL)
			cluster_pools_not_served(collection->cluster->pools);
		return false;
	}
	source_items_mark(&collection->cluster->source.items, kinds[collection->kind].prefix);
	on_synced(collection);
	return false;
}

static const struct kube_watch_events watch_events = {
	.reset = on_reset,
	.object = on_object,
	.unparsed = on_unparsed,
	.synced = on_synced,
	.reachable = on_reachable,
	.missing = on_missing,
};

/* ---- life ---- */

void cluster_collection_status(const struct cluster_collection *collection,
			       struct source_status *status)
{
	cluster_kind_status(&collection->state, status);
	if (collection->full && !*status->trouble.text)
		err_write(&status->trouble, "%s: %s: %s", kube_server(collection->state.kube),
			  collection->state.name, collection->full);
}

const char *cluster_collection_full(const struct cluster_collection *collection)
{
	/* of Services that are known, but wouldn't fit, the addresses are known */
	return collection->full && !strcmp(collection->full, SOURCE_ITEMS_FULL) ? collection->full
										: NULL;
}

void cluster_collection_list_anew(struct cluster_collection *collection)
{
	kube_watch_restart(collection->watch, true);
}

void cluster_collection_list_again(struct cluster_collection *collection)
{
	const struct source_items *items = &collection->cluster->source.items;

	if (!collection->full || !kube_watch_version(collection->watch) ||
	    count_objects(collection) >=
		    (collection->again ? SOURCE_ITEMS_MAX : SOURCE_ITEMS_AGAIN) ||
	    items->memory.used >= (collection->again ? SOURCE_COST_MAX : SOURCE_COST_AGAIN))
		return;
	collection->listed_again = collection->again;
	collection->again = false;
	kube_watch_restart(collection->watch, true);
}

int cluster_collection_follow(struct cluster_collection *collection, struct cluster *cluster,
			      enum kind kind, struct err *err)
{
	_cleanup_free_ char *path = NULL;

	*collection = (struct cluster_collection){
		.cluster = cluster,
		.kind = kind,
		.state = { .kube = cluster->login.kube,
			   .source = &cluster->source,
			   .name = kinds[kind].name },
	};
	path = kind == KIND_NODE ? cluster_nodes_path(cluster->node) : path_of(collection);
	return kube_watch_new(cluster->login.kube, path, &watch_events, collection,
			      &collection->watch, err);
}
