// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "alloc.h"
#include "cleanup.h"
#include "announced.h"
#include "condition.h"
#include "hash.h"
#include "json.h"
#include "kube_pools.h"
#include "leader.h"
#include "service_status.h"
#include "status_writer.h"

#define LEASE_NAME "l2resp-ipam"
/* Lease of the agents that don't manage pools: its holder reports for all of them. */
#define QUIET_NAME "l2resp-status"
#define CALLS_MAX  16
/* Wait after an answer, so that several are handled together. */
#define SETTLE_USEC 5000
/* Delay before a failed write is retried. */
#define RETRY_USEC 1000000

/* Writes of a Service's status whose outcome the watch hasn't shown yet. */
struct patch {
	UT_hash_handle hh; /* by item */
	struct kube_pools *pools;
	char *item;
	uint64_t version; /* resourceVersion it requires; a later one shows the outcome */
	struct address_list addresses; /* of all these writes */
	struct http_call *call;	       /* NULL: no request in flight */
	bool accepted;		       /* by the server, not yet shown */
	bool unanswered;	       /* the server may still do one */
};

struct kube_pools {
	struct kube *kube;
	struct source *source;
	struct leader *leader;
	struct allocator *allocator; /* NULL: another decides, or not yet */
	const struct service_class *class;
	sd_event_source *timer;	      /* decides and writes again */
	struct patch *patches;	      /* hash table */
	struct status_writer *status; /* of pools and policies */
	size_t calls;
	bool gives; /* else the leader gives no addresses */
	bool relisted;
	bool no_conditions; /* this server keeps none on Services */
	bool stopping, stopped;
	char trouble[256]; /* of the last write; "": none */
};

static void patch_free(struct patch *patch)
{
	HASH_DEL(patch->pools->patches, patch);
	http_cancel(patch->call);
	address_list_free(&patch->addresses);
	free(patch->item);
	free(patch);
}

static struct patch *find_patch(const struct kube_pools *pools, const struct source_item *item)
{
	struct patch *patch;

	HASH_FIND_STR(pools->patches, item->name, patch);
	return patch;
}

/* The last write has no outcome to wait for. Keeps @patch if an earlier one may have. */
static void patch_end(struct patch *patch)
{
	if (!patch->unanswered)
		patch_free(patch);
}

static void settle_after(struct kube_pools *pools, uint64_t usec)
{
	sd_event_source_set_time_relative(pools->timer, usec);
	sd_event_source_set_enabled(pools->timer, SD_EVENT_ONESHOT);
}

/* Another node may assign now: forget the assignments, and start over on leading again. */
static void begin_anew(struct kube_pools *pools)
{
	allocator_free(pools->allocator);
	pools->allocator = NULL;
	pools->relisted = true;
}

/* ---- writing ---- */

static void say_trouble(struct kube_pools *pools, const char *item,
			const struct http_result *result)
{
	struct err said;
	char text[HTTP_TROUBLE_MAX];
	const char *why = kube_trouble(result, text);

	if (!strcmp(why, pools->trouble))
		return;
	snprintf(pools->trouble, sizeof(pools->trouble), "%s", why);
	err_write(&said, "writing the status of %s: %s", item, why);
	source_say(pools->source, LOG_WARNING, said.text);
}

/* Does the answer @json to @patch lack the condition that it should have? */
static bool lacks_condition(const struct kube_pools *pools, const struct patch *patch,
			    const json_t *json)
{
	const struct source_item *item = source_items_find(&pools->source->items, patch->item);
	const struct service *service = item ? source_item_service(item) : NULL;
	const struct verdict *verdict =
		service && pools->allocator ? allocator_verdict(pools->allocator, service) : NULL;

	return verdict && verdict->ours && kube_version(json) > patch->version &&
	       !condition_find(json_object_get(json, "status"), CONDITION_SATISFIED);
}

static void on_patched(const struct http_result *result, void *userdata)
{
	_cleanup_json_ json_t *json = http_json(result);
	struct patch *patch = userdata;
	struct kube_pools *pools = patch->pools;
	struct source_item *item = source_items_find(&pools->source->items, patch->item);

	patch->call = NULL;
	pools->calls--;
	if (item)
		item->pools_behind = true;
	if (json) {
		pools->trouble[0] = '\0';
		if (!pools->no_conditions && lacks_condition(pools, patch, json)) {
			pools->no_conditions = true;
			source_say(pools->source, LOG_NOTICE,
				   "this API server keeps no conditions of Services: none are "
				   "written");
		}
		/* a write that changes nothing makes no version that the watch could show */
		if (item && kube_version(json) > patch->version)
			patch->accepted = true;
		else
			patch_end(patch);
		settle_after(pools, SETTLE_USEC);
		return;
	}
	if (result->status != 409 && result->status != 404)
		say_trouble(pools, patch->item, result);
	/* 4xx: rejected. After any other failure the server may still do it. */
	if (!result->error && result->status >= 400 && result->status < 500)
		patch_end(patch);
	else
		patch->unanswered = true;
	settle_after(pools, RETRY_USEC);
}

static void write_service(struct kube_pools *pools, struct source_item *item,
			  const struct service *service, const struct verdict *verdict)
{
	_cleanup_json_ json_t *body = service_status_patch(item, verdict, !pools->no_conditions);
	_cleanup_free_ char *path = xasprintf("/api/v1/namespaces/%s/services/%s/status",
					      service->namespace, service->name);
	struct patch *patch = find_patch(pools, item);

	if (!patch) {
		patch = xcalloc(1, sizeof(*patch));
		patch->pools = pools;
		patch->item = xstrdup(item->name);
		HASH_ADD_KEYPTR(hh, pools->patches, patch->item, strlen(patch->item), patch);
	}
	patch->version = item->version;
	for (size_t i = 0; i < verdict->addresses.count; i++)
		address_list_include(&patch->addresses, &verdict->addresses.list[i]);
	patch->call = kube_merge_by_key(pools->kube, path, body, on_patched, patch);
	pools->calls++;
}

static bool being_written(const struct kube_pools *pools, const struct source_item *item)
{
	const struct patch *patch = find_patch(pools, item);

	return patch && (patch->call || patch->accepted);
}

/* The verdict of @item's Service, if its status differs from it; else NULL. */
static const struct verdict *unwritten(const struct kube_pools *pools,
				       const struct source_item *item)
{
	const struct service *service = source_item_service(item);
	const struct verdict *verdict =
		service ? allocator_verdict(pools->allocator, service) : NULL;

	return verdict && !item->broken &&
			       !service_status_is(item, service, verdict, !pools->no_conditions)
		       ? verdict
		       : NULL;
}

/* Begins to write what isn't written; returns whether there was nothing. */
static bool write_services(struct kube_pools *pools)
{
	bool done = true;

	for (size_t i = 0; i < pools->source->items.count && pools->calls < CALLS_MAX; i++) {
		struct source_item *item = pools->source->items.list[i];
		const struct verdict *verdict = item->unwritten ? unwritten(pools, item) : NULL;

		item->unwritten = verdict;
		if (!verdict)
			continue;
		done = false;
		if (!being_written(pools, item))
			write_service(pools, item, source_item_service(item), verdict);
	}
	return done && !pools->calls;
}

/* ---- deciding ---- */

/* Tells the allocator how @item is now, with all that may be written for it. */
static void set_service(struct kube_pools *pools, struct source_item *item, struct service *service)
{
	_cleanup_(address_list_free) struct address_list written = {};
	struct patch *patch = find_patch(pools, item);

	for (size_t i = 0; i < service->load_balancer.count; i++)
		address_list_include(&written, &service->load_balancer.list[i]);
	if (patch && !patch->call && item->version > patch->version) {
		patch_free(patch); /* its outcome is known now */
		patch = NULL;
	}
	for (size_t i = 0; patch && i < patch->addresses.count; i++)
		address_list_include(&written, &patch->addresses.list[i]);
	allocator_set_service(pools->allocator, service, &written);
	item->pools_behind = false;
	item->unwritten = true;
}

static void set_services(struct kube_pools *pools, bool all)
{
	for (size_t i = 0; i < pools->source->items.count; i++) {
		struct source_item *item = pools->source->items.list[i];
		struct service *service = source_item_service(item);

		if (service && (all || item->pools_behind))
			set_service(pools, item, service);
	}
	if (all)
		allocator_sweep(pools->allocator);
}

static void tell_verdict(struct kube_pools *pools, const struct verdict *verdict)
{
	const struct service *service = verdict->service;
	struct source_item *item = source_items_find_object(
		&pools->source->items, SOURCE_ITEM_SERVICES, service->namespace, service->name);

	if (item)
		item->unwritten = true;
	source_say_verdict(pools->source, verdict);
}

static void set_pools(struct kube_pools *pools, size_t count)
{
	_cleanup_free_ struct pool **list = xcalloc(count, sizeof(struct pool *));
	const struct source_items *items = &pools->source->items;
	size_t kept = 0;

	for (size_t i = 0; i < items->count; i++)
		if (items->list[i]->manifest.pool_count)
			list[kept++] = items->list[i]->manifest.pools[0];
	allocator_set_pools(pools->allocator, list, kept);
}

static size_t count_pools(const struct kube_pools *pools)
{
	size_t count = 0;

	for (size_t i = 0; i < pools->source->items.count; i++)
		count += pools->source->items.list[i]->manifest.pool_count;
	return count;
}

/* Frees finished writes of items that are gone: their outcome no longer matters. */
static void forget_patches(struct kube_pools *pools)
{
	struct patch *patch, *next;

	HASH_ITER(hh, pools->patches, patch, next)
	if (!patch->call && !source_items_find(&pools->source->items, patch->item))
		patch_free(patch);
}

/* There may be something to say about policies, right ones or wrong ones, or of Services of which
 * something was said when there were any. */
static bool has_news(const struct source_items *items)
{
	bool found = false;

	for (size_t i = 0; i < items->count && !found; i++)
		found = items->list[i]->wanted || items->list[i]->manifest.policy_count ||
			condition_find(items->list[i]->status, CONDITION_ANNOUNCED);
	return found;
}

/* Gives up the lead only after this node's writes have ended. */
static void stop_if_idle(struct kube_pools *pools)
{
	if (pools->stopped || pools->calls || status_writer_writes(pools->status))
		return;
	pools->stopped = true;
	leader_stop(pools->leader);
}

void kube_pools_stop(struct kube_pools *pools)
{
	pools->stopping = true;
	settle_after(pools, 0);
}

void kube_pools_settle(struct kube_pools *pools)
{
	const struct verdict *const *verdicts;
	size_t count, pool_count = count_pools(pools);

	if (pools->stopping) {
		stop_if_idle(pools);
		return;
	}
	if (!source_known(pools->source))
		return;
	if ((pools->gives && pool_count > 0) || has_news(&pools->source->items))
		leader_begin(pools->leader);
	if (!pools->gives)
		return;
	if (!leader_leads(pools->leader)) {
		begin_anew(pools);
		return;
	}
	if (!pools->allocator) {
		pools->allocator = allocator_new(pools->class);
		pools->relisted = true;
	}
	/* asked for: source_gives() says so by now */
	if (source_waits(pools->source))
		return;
	allocator_set_reserved(pools->allocator, &pools->source->reserved);
	if (pools->relisted) {
		forget_patches(pools);
		set_pools(pools, pool_count);
	}
	set_services(pools, pools->relisted);
	verdicts = allocator_settle(pools->allocator, &count);
	if (pools->relisted)
		source_say_conflicts(pools->source, pools->allocator);
	pools->relisted = false;
	for (size_t i = 0; i < count; i++)
		if (verdicts[i]->changed)
			tell_verdict(pools, verdicts[i]);
	if (write_services(pools))
		status_writer_continue(pools->status, pools->allocator);
}

void kube_pools_relisted(struct kube_pools *pools)
{
	pools->relisted = true;
}

void kube_pools_removed(struct kube_pools *pools, const struct source_item *item)
{
	const struct service *service = source_item_service(item);
	struct patch *patch = find_patch(pools, item);

	if (patch && !patch->call)
		patch_free(patch);
	pools->relisted |= item->manifest.pool_count > 0;
	if (service && pools->allocator)
		allocator_remove_service(pools->allocator, service);
}

const struct allocator *kube_pools_allocator(const struct kube_pools *pools)
{
	return pools->allocator;
}

bool kube_pools_leads(const struct kube_pools *pools)
{
	return pools->gives ? pools->allocator != NULL : leader_leads(pools->leader);
}

static void on_status_written(bool accepted, void *userdata)
{
	settle_after(userdata, accepted ? SETTLE_USEC : RETRY_USEC);
}

static void on_leading(void *userdata)
{
	struct kube_pools *pools = userdata;

	if (pools->gives)
		source_say(pools->source, LOG_NOTICE,
			   leader_leads(pools->leader)
				   ? "this node gives the pools' addresses"
				   : "this node no longer gives the pools' addresses");
	kube_pools_settle(pools);
	pools->source->callbacks.changed(pools->source->userdata);
}

static void on_stopped(void *userdata)
{
	const struct kube_pools *pools = userdata;

	pools->source->callbacks.stopped(pools->source->userdata);
}

static void on_log(int priority, const char *text, void *userdata)
{
	struct kube_pools *pools = userdata;

	source_say(pools->source, priority, text);
}

static int on_settle(sd_event_source *source, uint64_t usec, void *userdata)
{
	kube_pools_settle(userdata);
	return 0;
}

void kube_pools_free(struct kube_pools *pools)
{
	if (!pools)
		return;
	leader_free(pools->leader);
	while (pools->patches)
		patch_free(pools->patches);
	status_writer_free(pools->status);
	sd_event_source_disable_unref(pools->timer);
	allocator_free(pools->allocator);
	free(pools);
}

int kube_pools_new(sd_event *event, struct kube *kube, struct source *source,
		   const struct source_options *options, const struct service_class *class,
		   struct kube_pools **ret_pools, struct err *err)
{
	static const struct leader_callbacks callbacks = { on_leading, on_stopped, on_log };
	struct kube_pools *pools = xcalloc(1, sizeof(*pools));
	int r;

	*pools = (struct kube_pools){
		.kube = kube,
		.source = source,
		.class = class,
		.gives = options->pools,
		.relisted = true,
	};
	pools->status = status_writer_new(kube, source, on_status_written, pools);
	r = sd_event_add_time_relative(event, &pools->timer, CLOCK_MONOTONIC, 0, 1000, on_settle,
				       pools);
	if (r >= 0)
		r = sd_event_source_set_enabled(pools->timer, SD_EVENT_OFF);
	if (r < 0)
		err_write(err, "a timer can't be made: %s", strerror(-r));
	else
		r = leader_new(event, kube, pools->gives ? LEASE_NAME : QUIET_NAME, options->node,
			       &callbacks, pools, &pools->leader, err);
	if (r < 0) {
		kube_pools_free(pools);
		return r;
	}
	*ret_pools = pools;
	return 0;
}
