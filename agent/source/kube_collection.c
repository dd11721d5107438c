// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>
#include <syslog.h>

#include "alloc.h"
#include "cleanup.h"
#include "clock.h"
#include "kube_collection.h"
#include "kube_nodes.h"
#include "policy_faults.h"

/* A starting API server denies CRDs for a moment: believe it after DENIED_NS, or after MISSING_NS
 * if objects of the kind are known. */
#define DENIED_NS  (5 * UINT64_C(1000000000))
#define MISSING_NS (60 * UINT64_C(1000000000))

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

static void say(const struct collection *collection, int priority, const char *text)
{
	struct err said;

	err_write(&said, "%s: %s: %s", kube_server(collection->source->login.kube),
		  kinds[collection->kind].name, text);
	source_say(&collection->source->source, priority, said.text);
}

/* ---- events of a watch ---- */

static const char *api_of(const struct collection *collection)
{
	return kinds[collection->kind].apis[collection->api];
}

static char *path_of(const struct collection *collection)
{
	const char *api = api_of(collection), *plural = kinds[collection->kind].plural;

	return xasprintf("/%s/%s/%s", strchr(api, '/') ? "apis" : "api", api, plural);
}

static void on_reset(uint64_t version, void *userdata)
{
	struct collection *collection = userdata;
	struct err said;

	if (collection->listed_api && collection->listed_api != api_of(collection)) {
		err_write(&said, "%s isn't served any more; %s is followed", collection->listed_api,
			  api_of(collection));
		say(collection, LOG_NOTICE, said.text);
	}
	collection->listed_api = api_of(collection);
	collection->full = NULL;
	source_items_mark(&collection->source->source.items, kinds[collection->kind].prefix);
}

static void say_line(int priority, const char *line, void *data)
{
	say(data, priority, line);
}

/* Parses @object again. If it is invalid, its item stays as it was. */
static void parse(struct collection *collection, struct source_item *item, const json_t *object)
{
	const char *api = json_string_value(json_object_get(object, "apiVersion"));
	const char *name = source_item_object_name(item);
	/* items of a list lack apiVersion and kind */
	json_t *whole = json_copy((json_t *)object);
	const struct place place = { name, NULL };
	struct manifest manifest = {};
	struct err err, refused;
	char *notes = NULL;
	struct source_items *items = &collection->source->source.items;
	int r;

	json_object_set_new(whole, "apiVersion", json_string(api_of(collection)));
	json_object_set_new(whole, "kind", json_string(kinds[collection->kind].name));
	if (api && strcmp(api, api_of(collection)) != 0)
		r = err_set(&err, -EINVAL, "%s: version %s isn't known here", name, api);
	else
		r = manifest_add(&manifest, &place, whole, source_note, &notes, &err);
	if (r >= 0)
		r = source_item_fits(items, item, &manifest, &refused);
	if (r == -ENOSPC) {
		err_write(&err, "%s: %s", name, refused.text);
		collection->full = collection->full ?: SOURCE_COST_FULL;
	}
	source_item_note(item, notes, say_line, collection);
	json_decref(item->wanted);
	item->wanted = collection->kind == KIND_POLICY ? policy_faults(whole) : NULL;
	json_decref(whole);
	source_item_set_version(item, object);
	source_item_replace(items, item, &manifest, r < 0 ? err.text : NULL, say_line, collection);
}

/* Is there room for an object that isn't known yet? */
static bool fits(struct collection *collection)
{
	if (collection->source->source.items.count < SOURCE_ITEMS_MAX)
		return true;
	if (!collection->full)
		say(collection, LOG_ERR, SOURCE_ITEMS_FULL);
	collection->full = SOURCE_ITEMS_FULL;
	return false;
}

static void on_object(const json_t *object, bool deleted, void *userdata)
{
	struct collection *collection = userdata;
	struct source_kubernetes *source = collection->source;
	struct source_items *items = &source->source.items;
	const json_t *metadata = json_object_get(object, "metadata");
	const char *prefix = kinds[collection->kind].prefix;
	const char *namespace = json_string_value(json_object_get(metadata, "namespace"));
	const char *name = json_string_value(json_object_get(metadata, "name"));
	uint64_t version = kube_version(object), rest = 0;
	struct source_item *item;

	if (!name) {
		say(collection, LOG_ERR, "an object without a name");
		return;
	}
	if (deleted) {
		item = source_items_find_object(items, prefix, namespace, name);
		if (!item)
			return;
		if (source->pools)
			kube_pools_removed(source->pools, item);
		source_items_remove(items, item->name);
		source_kubernetes_changed(source);
		return;
	}
	if (!source_items_find_object(items, prefix, namespace, name) && !fits(collection))
		return;
	item = source_items_get_object(items, prefix, namespace, name);
	item->present = true;
	item->api = api_of(collection);
	if (version && version == item->version && !item->refused)
		return;
	if (collection->kind == KIND_SERVICE)
		rest = kube_conditions_rest(object);
	else if (collection->kind == KIND_NODE)
		rest = kube_nodes_rest(object, source->node);
	if (rest && rest == item->rest && !item->refused) {
		/* many conditions change at once when a node takes over many addresses */
		source_item_set_version(item, object);
		return;
	}
	item->rest = rest;
	parse(collection, item, object);
	if (collection->kind == KIND_POOL && source->pools)
		kube_pools_relisted(source->pools);
	if (collection->known)
		source_kubernetes_changed(source);
}

/* The list is complete. */
static void on_synced(void *userdata)
{
	struct collection *collection = userdata;

	collection->again = source_items_sweep(&collection->source->source.items,
					       kinds[collection->kind].prefix);
	if (collection->source->pools)
		kube_pools_relisted(collection->source->pools);
	collection->known = true;
	if (collection->kind == KIND_NODE)
		collection->source->nodes_known = collection->source->all_nodes;
	source_kubernetes_changed(collection->source);
}

static void on_reachable(const char *trouble, void *userdata)
{
	struct collection *collection = userdata;

	if (!trouble) {
		if (*collection->trouble.text || collection->missing_at_ns)
			say(collection, LOG_NOTICE, "followed again");
		collection->missing_at_ns = 0;
		collection->denied = 0;
		collection->outdated = false;
		collection->trouble.text[0] = '\0';
		return;
	}
	if (strcmp(trouble, collection->trouble.text) != 0)
		say(collection, LOG_WARNING, trouble);
	err_write(&collection->trouble, "%s", trouble);
}

/* Switches to the next API that may have the kind; false if none has it: back to the first. */
static bool try_next_api(struct collection *collection)
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
	struct collection *collection = userdata;
	uint64_t now_ns = clock_boot_ns();

	if (try_next_api(collection))
		return true;
	collection->trouble.text[0] = '\0';
	if (!collection->missing_at_ns) {
		collection->missing_at_ns = now_ns;
		collection->outdated = collection->known;
		say(collection, LOG_WARNING,
		    "the server doesn't know this kind; objects that are known count for a minute "
		    "as they were");
	}
	if (now_ns - collection->missing_at_ns < (collection->known ? MISSING_NS : DENIED_NS))
		return false;
	if (collection->outdated)
		say(collection, LOG_WARNING, "its objects count no more");
	collection->outdated = false;
	source_items_mark(&collection->source->source.items, kinds[collection->kind].prefix);
	on_synced(collection);
	return false;
}

static const struct kube_watch_events watch_events = {
	.reset = on_reset,
	.object = on_object,
	.synced = on_synced,
	.reachable = on_reachable,
	.missing = on_missing,
};

/* ---- life ---- */

void collection_status(const struct collection *collection, struct source_status *status)
{
	const char *server = kube_server(collection->source->login.kube);
	const char *name = kinds[collection->kind].name;

	status->kinds_missing += collection->missing_at_ns != 0;
	status->reachable = status->reachable && !*collection->trouble.text;
	/* after the first list an unreachable server is no trouble of ours */
	if (!collection->known)
		err_write(&status->trouble, "%s: %s isn't listed yet: %s", server, name,
			  *collection->trouble.text ? collection->trouble.text : "no answer");
	else if (collection->full)
		err_write(&status->trouble, "%s: %s: %s", server, name, collection->full);
	else if (collection->outdated && clock_boot_ns() - collection->missing_at_ns > DENIED_NS)
		err_write(&status->trouble,
			  "%s: %s isn't served any more; its objects count as they were "
			  "for a minute",
			  server, name);
}

void collection_list_again(struct collection *collection)
{
	const struct source_items *items = &collection->source->source.items;

	if (!collection->full || !kube_watch_version(collection->watch) ||
	    items->count >= (collection->again ? SOURCE_ITEMS_MAX : SOURCE_ITEMS_AGAIN) ||
	    items->cost >= (collection->again ? SOURCE_COST_MAX : SOURCE_COST_AGAIN))
		return;
	collection->again = false;
	kube_watch_restart(collection->watch, true);
}

int collection_follow(struct collection *collection, struct err *err)
{
	_cleanup_free_ char *path = collection->kind == KIND_NODE
					    ? kube_nodes_path(collection->source->node)
					    : path_of(collection);

	return kube_watch_new(collection->source->login.kube, path, &watch_events, collection,
			      &collection->watch, err);
}
