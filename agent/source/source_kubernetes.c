// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "alloc.h"
#include "cleanup.h"
#include "clock.h"
#include "condition.h"
#include "kube_conditions.h"
#include "kube_endpoints.h"
#include "kube_nodes.h"
#include "kube_pools.h"
#include "policy_faults.h"
#include "source_base.h"

/* Many objects change at once, as when a node returns: report them together. */
#define SETTLE_USEC 20000
/* A starting API server denies CRDs for a moment: believe it after DENIED_NS, or after MISSING_NS
 * if objects of the kind are known. */
#define DENIED_NS  (5 * UINT64_C(1000000000))
#define MISSING_NS (60 * UINT64_C(1000000000))

enum kind {
	KIND_SERVICE,
	KIND_NODE,
	KIND_POLICY,
	KIND_POOL,
	KIND_COUNT,
};

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

/* The objects of one kind. */
struct collection {
	struct source_kubernetes *source;
	enum kind kind;
	struct kube_watch *watch;
	size_t api;		/* index of the followed one in apis[] */
	size_t denied;		/* consecutive APIs that the server didn't know */
	const char *listed_api; /* API of the last list; NULL: never listed */
	bool known;		/* was listed completely once, or isn't there */
	bool outdated;		/* not served any more, but objects still count as they were */
	uint64_t missing_at_ns; /* since when the server doesn't know it; 0: it does */
	bool full;		/* some of the last list, or after it, are left out */
	struct err trouble;	/* empty: none */
};

struct source_kubernetes {
	struct source source; /* the first member */
	struct kube_login login;
	struct kube_pools *pools;   /* NULL: nothing is written */
	struct kube_events *events; /* NULL: nothing is written */
	struct kube_conditions *conditions;
	struct kube_endpoints *endpoints;
	char *class_name, *node;
	struct service_class class;
	char *options; /* as text, to compare */
	struct collection collections[KIND_COUNT];
	bool known;		     /* all collections are, and that was reported */
	bool all_nodes, nodes_known; /* the other nodes' objects are followed; were listed */
	sd_event_source *settle;
};

static void changed_soon(void *userdata)
{
	struct source_kubernetes *source = userdata;
	int enabled = SD_EVENT_OFF;

	sd_event_source_get_enabled(source->settle, &enabled);
	if (enabled == SD_EVENT_OFF) {
		sd_event_source_set_time_relative(source->settle, SETTLE_USEC);
		sd_event_source_set_enabled(source->settle, SD_EVENT_ONESHOT);
	}
}

static bool kubernetes_known(const struct source *base)
{
	return ((const struct source_kubernetes *)base)->known;
}

static int settled(sd_event_source *event_source, uint64_t usec, void *userdata)
{
	struct source_kubernetes *source = userdata;

	for (size_t i = 0; i < KIND_COUNT; i++)
		if (!source->collections[i].known)
			return 0;
	/* Services that need endpoints now wait only for those */
	if (!kube_endpoints_settle(source->endpoints) && !source->known)
		return 0;
	/* not earlier: whoever acts on what is known must have been notified */
	source->known = true;
	source->source.callbacks.changed(source->source.userdata);
	if (source->pools)
		kube_pools_settle(source->pools);
	return 0;
}

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
	collection->full = false;
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
	struct err err;
	char *notes = NULL;
	int r;

	json_object_set_new(whole, "apiVersion", json_string(api_of(collection)));
	json_object_set_new(whole, "kind", json_string(kinds[collection->kind].name));
	if (api && strcmp(api, api_of(collection)) != 0)
		r = err_set(&err, -EINVAL, "%s: version %s isn't known here", name, api);
	else
		r = manifest_add(&manifest, &place, whole, source_note, &notes, &err);
	source_item_note(item, notes, say_line, collection);
	json_decref(item->wanted);
	item->wanted = collection->kind == KIND_POLICY ? policy_faults(whole) : NULL;
	json_decref(whole);
	source_item_set_version(item, object);
	source_item_replace(item, &manifest, r < 0 ? err.text : NULL, say_line, collection);
}

/* Is there room for an object that isn't known yet? */
static bool fits(struct collection *collection)
{
	if (collection->source->source.items.count < SOURCE_ITEMS_MAX)
		return true;
	if (!collection->full)
		say(collection, LOG_ERR, SOURCE_ITEMS_FULL);
	collection->full = true;
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
		changed_soon(source);
		return;
	}
	if (!source_items_find_object(items, prefix, namespace, name) && !fits(collection))
		return;
	item = source_items_get_object(items, prefix, namespace, name);
	item->present = true;
	item->api = api_of(collection);
	if (version && version == item->version)
		return;
	if (collection->kind == KIND_SERVICE)
		rest = kube_conditions_rest(object);
	else if (collection->kind == KIND_NODE)
		rest = kube_nodes_rest(object, source->node);
	if (rest && rest == item->rest) {
		/* many conditions change at once when a node takes over many addresses */
		source_item_set_version(item, object);
		return;
	}
	item->rest = rest;
	parse(collection, item, object);
	if (collection->kind == KIND_POOL && source->pools)
		kube_pools_relisted(source->pools);
	if (collection->known)
		changed_soon(source);
}

/* The list is complete. */
static void on_synced(void *userdata)
{
	struct collection *collection = userdata;

	source_items_sweep(&collection->source->source.items, kinds[collection->kind].prefix);
	if (collection->source->pools)
		kube_pools_relisted(collection->source->pools);
	collection->known = true;
	if (collection->kind == KIND_NODE)
		collection->source->nodes_known = collection->source->all_nodes;
	changed_soon(collection->source);
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

/* ---- what a source is ---- */

static void kubernetes_free(struct source *base)
{
	struct source_kubernetes *source = (struct source_kubernetes *)base;

	for (size_t i = 0; i < KIND_COUNT; i++)
		kube_watch_free(source->collections[i].watch);
	kube_pools_free(source->pools);
	kube_events_free(source->events);
	kube_conditions_free(source->conditions);
	kube_endpoints_free(source->endpoints);
	free(source->class_name);
	free(source->node);
	kube_login_free(&source->login);
	sd_event_source_disable_unref(source->settle);
	free(source->options);
	free(source);
}

static void kubernetes_stop(struct source *base)
{
	const struct source_kubernetes *source = (struct source_kubernetes *)base;

	if (source->pools)
		kube_pools_stop(source->pools);
	else
		base->callbacks.stopped(base->userdata);
}

static void kubernetes_reserve(struct source *base)
{
	changed_soon(base);
}

static bool kubernetes_nodes(struct source *base, bool follow)
{
	struct source_kubernetes *source = (struct source_kubernetes *)base;

	if (follow && !source->all_nodes)
		kube_nodes_widen(source->collections[KIND_NODE].watch);
	source->all_nodes |= follow;
	return source->nodes_known;
}

static bool kubernetes_same(const struct source *base, const struct source_options *options)
{
	const struct source_kubernetes *source = (const struct source_kubernetes *)base;
	_cleanup_free_ char *text = options->directory ? NULL : source_options_text(options);

	return text && !strcmp(text, source->options);
}

static void kubernetes_status(const struct source *base, struct source_status *status)
{
	const struct source_kubernetes *source = (const struct source_kubernetes *)base;

	status->allocator = source->pools ? kube_pools_allocator(source->pools) : NULL;
	status->leads = source->pools && kube_pools_leads(source->pools);
	for (size_t i = 0; i < KIND_COUNT; i++) {
		const struct collection *collection = &source->collections[i];

		status->kinds_missing += collection->missing_at_ns != 0;
		status->reachable = status->reachable && !*collection->trouble.text;
		/* after the first list an unreachable server is no trouble of ours */
		if (!collection->known)
			err_write(&status->trouble, "%s: %s isn't listed yet: %s",
				  kube_server(source->login.kube), kinds[i].name,
				  *collection->trouble.text ? collection->trouble.text
							    : "no answer");
		else if (collection->full)
			err_write(&status->trouble, "%s: %s: " SOURCE_ITEMS_FULL,
				  kube_server(source->login.kube), kinds[i].name);
		else if (collection->outdated &&
			 clock_boot_ns() - collection->missing_at_ns > DENIED_NS)
			err_write(&status->trouble,
				  "%s: %s isn't served any more; its objects count as they were "
				  "for a minute",
				  kube_server(source->login.kube), kinds[i].name);
	}
	kube_endpoints_status(source->endpoints, status);
}

static void kubernetes_say_event(struct source *base, const struct kube_event *event)
{
	struct source_kubernetes *source = (struct source_kubernetes *)base;

	if (source->events)
		kube_events_say(source->events, event);
}

static void kubernetes_say_announced(struct source *base, const struct announced *announced)
{
	struct source_kubernetes *source = (struct source_kubernetes *)base;

	if (source->conditions)
		kube_conditions_say(source->conditions, announced);
}

static void on_events_log(int priority, const char *text, void *source)
{
	source_say(source, priority, text);
}

static const struct source_ops ops = {
	.free = kubernetes_free,
	.same = kubernetes_same,
	.known = kubernetes_known,
	.status = kubernetes_status,
	.reserve = kubernetes_reserve,
	.nodes = kubernetes_nodes,
	.stop = kubernetes_stop,
	.say_event = kubernetes_say_event,
	.say_announced = kubernetes_say_announced,
};

static int follow(struct collection *collection, struct err *err)
{
	_cleanup_free_ char *path = collection->kind == KIND_NODE
					    ? kube_nodes_path(collection->source->node)
					    : path_of(collection);

	return kube_watch_new(collection->source->login.kube, path, &watch_events, collection,
			      &collection->watch, err);
}

int source_kubernetes_new(sd_event *event, const struct source_options *options,
			  const struct source_callbacks *callbacks, void *userdata,
			  struct source **ret_source, struct err *err)
{
	struct source_kubernetes *source = xcalloc(1, sizeof(*source));
	int r = kube_login(event, &options->kubernetes, &source->login, err);

	source->source =
		(struct source){ &ops, *callbacks, userdata, .unreserved = options->reserve };
	if (!r) {
		r = sd_event_add_time_relative(event, &source->settle, CLOCK_MONOTONIC, 0, 1000,
					       settled, source);
		r = r < 0 ? err_set(err, r, "a timer can't be made: %s", strerror(-r)) : 0;
	}
	source->options = source_options_text(options);
	source->class_name = xstrdup(options->class.name);
	source->node = xstrdup(options->node);
	source->class = (struct service_class){ source->class_name, options->class.required };
	if (!r && !options->read_only)
		r = kube_pools_new(event, source->login.kube, &source->source, options,
				   &source->class, &source->pools, err);
	if (!r && !options->read_only)
		r = kube_events_new(event, source->login.kube, options->node, on_events_log,
				    &source->source, &source->events, err);
	if (!r && !options->read_only)
		r = kube_conditions_new(event, source->login.kube, &source->source, options->node,
					&source->conditions, err);
	if (!r)
		source->endpoints = kube_endpoints_new(source->login.kube, &source->source, options,
						       changed_soon, source);
	for (size_t i = 0; i < KIND_COUNT && !r; i++) {
		source->collections[i] = (struct collection){ .source = source, .kind = i };
		r = follow(&source->collections[i], err);
	}
	if (r < 0)
		source_free(&source->source);
	else
		*ret_source = &source->source;
	return r;
}
