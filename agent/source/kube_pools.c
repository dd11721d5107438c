// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "cleanup.h"
#include "condition.h"
#include "kube_pools.h"
#include "leader.h"

#define LEASE_NAME "l2resp-ipam"
#define CALLS_MAX  16
/* What is answered meanwhile is decided about together. */
#define GO_ON_USEC 5000
/* What failed is tried again after that. */
#define RETRY_USEC 1000000

/* A write of a Service's status whose outcome isn't known yet. */
struct patch {
	struct patch *next;
	struct kube_pools *pools;
	char *item;
	uint64_t version; /* that it rests on: with a later one it has failed, or was it */
	struct address_list addresses;
	struct http_call *call; /* NULL: there was no answer */
};

/* Of a pool's or a policy's status: it rests on nothing. */
struct plain_patch {
	struct kube_pools *pools;
	struct http_call *call;
	char *item;
};

struct kube_pools {
	struct kube *kube;
	struct source *source;
	struct leader *leader;
	struct allocator *allocator; /* NULL: another decides, or not yet */
	const char *classes[2];
	kube_pools_fn *written;
	void *userdata;
	sd_event_source *go_on; /* decides and writes again */
	struct patch *patches;
	struct plain_patch plain; /* one at a time */
	size_t calls;
	bool relisted;
	bool no_conditions; /* this server keeps none on Services */
	char trouble[256];  /* of the last write; "": none */
};

static void patch_free(struct patch *patch)
{
	struct patch **at = &patch->pools->patches;

	while (*at != patch)
		at = &(*at)->next;
	*at = patch->next;
	http_cancel(patch->call);
	address_list_free(&patch->addresses);
	free(patch->item);
	free(patch);
}

static void cleanup_json(json_t **json)
{
	json_decref(*json);
}

static const struct service *service_of(const struct source_item *item)
{
	return item->manifest.service_count ? item->manifest.services : NULL;
}

static bool begins_with(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

static void go_on_after(struct kube_pools *pools, uint64_t usec)
{
	sd_event_source_set_time_relative(pools->go_on, usec);
	sd_event_source_set_enabled(pools->go_on, SD_EVENT_ONESHOT);
}

/* It isn't known any more who has what: from the beginning, as a new leader would. */
static void begin_anew(struct kube_pools *pools)
{
	allocator_free(pools->allocator);
	pools->allocator = NULL;
	pools->relisted = true;
}

static void out_of_memory(struct kube_pools *pools)
{
	source_say(pools->source, LOG_ERR, "address pools: out of memory");
	begin_anew(pools);
	go_on_after(pools, RETRY_USEC);
}

/* ---- writing ---- */

static bool same_addresses(const struct address_list *a, const struct address_list *b)
{
	bool same = a->count == b->count;

	for (size_t i = 0; i < a->count && same; i++)
		same = address_list_has(b, &a->list[i]);
	return same;
}

/* Is @verdict in the status of @item, which has @service? */
static bool is_written(const struct kube_pools *pools, const struct source_item *item,
		       const struct service *service, const struct verdict *verdict)
{
	if (!verdict->ours)
		return pools->no_conditions || !condition_find(item->status, CONDITION_SATISFIED);
	return same_addresses(&service->load_balancer, &verdict->addresses) &&
	       (pools->no_conditions || condition_is(item->status, CONDITION_SATISFIED,
						     verdict->satisfied ? "True" : "False",
						     verdict->reason, verdict->message));
}

static void say_trouble(struct kube_pools *pools, const char *item,
			const struct http_result *result)
{
	struct err said;
	char text[256];
	const char *why = kube_trouble(result, text);

	if (!strcmp(why, pools->trouble))
		return;
	snprintf(pools->trouble, sizeof(pools->trouble), "%s", why);
	err_write(&said, "writing the status of %s: %s", item, why);
	source_say(pools->source, LOG_WARNING, said.text);
}

static void on_patched(const struct http_result *result, void *userdata)
{
	struct patch *patch = userdata;
	struct kube_pools *pools = patch->pools;
	_cleanup_(cleanup_json) json_t *json = NULL;
	struct source_item *item = source_find(pools->source, patch->item);

	patch->call = NULL;
	pools->calls--;
	if (item)
		item->unfed = true;
	if (!result->error && result->status == 200) {
		json = json_loads(result->body, 0, NULL);
		if (!pools->no_conditions &&
		    !condition_find(json_object_get(json, "status"), CONDITION_SATISFIED) && item &&
		    kube_version(json) > patch->version) {
			const struct service *service = service_of(item);
			const struct verdict *verdict =
				service && pools->allocator
					? allocator_verdict(pools->allocator, service->claim)
					: NULL;

			if (verdict && verdict->ours) {
				pools->no_conditions = true;
				source_say(pools->source, LOG_NOTICE,
					   "this API server keeps no conditions of Services: none "
					   "are written");
			}
		}
		pools->trouble[0] = '\0';
		/* if it is gone, this is old */
		if (item)
			pools->written(patch->item, json, pools->userdata);
		patch_free(patch);
		go_on_after(pools, GO_ON_USEC);
		return;
	}
	if (result->status != 409 && result->status != 404)
		say_trouble(pools, patch->item, result);
	/* refused, it won't be carried out; anything else may be */
	if (!result->error && result->status >= 400 && result->status < 500)
		patch_free(patch);
	go_on_after(pools, RETRY_USEC);
}

/* The status of @item as @verdict has it. NULL: no memory. */
static json_t *service_body(const struct kube_pools *pools, const struct source_item *item,
			    const struct verdict *verdict)
{
	json_t *ingress = json_array(), *body;
	char version[24];

	for (size_t i = 0; i < verdict->addresses.count; i++) {
		char ip[INET6_ADDRSTRLEN];

		json_array_append_new(ingress,
				      json_pack("{ss}", "ip",
						address_format(&verdict->addresses.list[i], ip)));
	}
	snprintf(version, sizeof(version), "%" PRIu64, item->version);
	body = json_pack("{s{ss} s{s{so}}}", "metadata", "resourceVersion", version, "status",
			 "loadBalancer", "ingress", ingress);
	if (body && !pools->no_conditions) {
		json_t *conditions = conditions_copy(item->status);

		condition_set(conditions, CONDITION_SATISFIED,
			      !verdict->ours	   ? NULL
			      : verdict->satisfied ? "True"
						   : "False",
			      verdict->reason, verdict->message);
		json_object_set_new(json_object_get(body, "status"), "conditions", conditions);
	}
	return body;
}

static void write_service(struct kube_pools *pools, struct source_item *item,
			  const struct service *service, const struct verdict *verdict)
{
	_cleanup_(cleanup_json) json_t *body = service_body(pools, item, verdict);
	struct patch *patch = calloc(1, sizeof(*patch));
	_cleanup_free_ char *path = NULL;
	int r = 0;

	if (!patch) {
		go_on_after(pools, RETRY_USEC);
		return;
	}
	*patch = (struct patch){ .next = pools->patches,
				 .pools = pools,
				 .item = strdup(item->name),
				 .version = item->version };
	pools->patches = patch;
	for (size_t i = 0; i < verdict->addresses.count && !r; i++)
		r = address_list_add(&patch->addresses, &verdict->addresses.list[i]);
	if (asprintf(&path, "/api/v1/namespaces/%s/services/%s/status", service->namespace,
		     service->name) < 0)
		path = NULL;
	if (!r && patch->item && body && path)
		patch->call = kube_request(pools->kube, "PATCH", path, body, on_patched, patch);
	if (patch->call) {
		pools->calls++;
		return;
	}
	patch_free(patch);
	go_on_after(pools, RETRY_USEC);
}

static bool being_written(const struct kube_pools *pools, const char *item)
{
	for (const struct patch *patch = pools->patches; patch; patch = patch->next)
		if (patch->call && !strcmp(patch->item, item))
			return true;
	return false;
}

/* Begins to write what isn't written; returns whether there was nothing. */
static bool write_services(struct kube_pools *pools)
{
	bool done = true;

	for (size_t i = 0; i < pools->source->count && pools->calls < CALLS_MAX; i++) {
		struct source_item *item = pools->source->items[i];
		const struct service *service =
			begins_with(item->name, KUBE_POOLS_SERVICES) ? service_of(item) : NULL;
		const struct verdict *verdict =
			service ? allocator_verdict(pools->allocator, service->claim) : NULL;

		if (!verdict || item->broken || is_written(pools, item, service, verdict))
			continue;
		done = false;
		if (!being_written(pools, item->name))
			write_service(pools, item, service, verdict);
	}
	return done && !pools->calls;
}

/* ---- the pools' own status, and policies' ---- */

static void on_plain_patched(const struct http_result *result, void *userdata)
{
	struct plain_patch *patch = userdata;
	struct kube_pools *pools = patch->pools;
	_cleanup_(cleanup_json) json_t *json = NULL;

	patch->call = NULL;
	if (!result->error && result->status == 200) {
		json = json_loads(result->body, 0, NULL);
		if (source_find(pools->source, patch->item))
			pools->written(patch->item, json, pools->userdata);
		go_on_after(pools, GO_ON_USEC);
		return;
	}
	if (result->status != 404)
		say_trouble(pools, patch->item, result);
	go_on_after(pools, RETRY_USEC);
}

static void number_format(unsigned __int128 number, char text[40])
{
	char digits[40];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do {
		digits[--at] = '0' + (int)(number % 10);
		number /= 10;
	} while (number);
	memcpy(text, digits + at, sizeof(digits) - at);
}

/* Makes @conditions, taken over, those of @item, of which there are @plural. */
static void write_conditions(struct kube_pools *pools, const struct source_item *item,
			     const char *plural, json_t *conditions)
{
	_cleanup_(cleanup_json) json_t *body =
		json_pack("{s{so}}", "status", "conditions", conditions);
	_cleanup_free_ char *path = NULL;

	free(pools->plain.item);
	pools->plain.item = strdup(item->name);
	if (asprintf(&path, "/apis/cilium.io/v2alpha1/%s%s/status", plural,
		     strchr(item->name, '/')) < 0)
		path = NULL;
	if (body && path && pools->plain.item)
		pools->plain.call = kube_request(pools->kube, "PATCH", path, body, on_plain_patched,
						 &pools->plain);
	if (!pools->plain.call)
		go_on_after(pools, RETRY_USEC);
}

/* The conditions that @item, the pool of @pool, should have; NULL: those that it has. */
static json_t *pool_conditions(const struct source_item *item, const struct pool_status *pool)
{
	char total[40], available[40], used[40];
	const struct {
		const char *type, *state, *reason, *message;
	} wanted[] = {
		{ CONDITION_CONFLICT, pool->conflict ? "True" : "False",
		  pool->conflict ? "cidr_overlap" : "resolved",
		  /* API servers are known that take "" for no string */
		  pool->conflict ? pool->message : "no conflict" },
		{ CONDITION_TOTAL, "Unknown", "noreason", total },
		{ CONDITION_AVAILABLE, "Unknown", "noreason", available },
		{ CONDITION_USED, "Unknown", "noreason", used },
	};
	const size_t count = sizeof(wanted) / sizeof(wanted[0]);
	bool same = true;
	json_t *made;

	number_format(pool->total, total);
	number_format(pool->available, available);
	number_format(pool->used, used);
	for (size_t i = 0; i < count; i++)
		same = same && condition_is(item->status, wanted[i].type, wanted[i].state,
					    wanted[i].reason, wanted[i].message);
	if (same)
		return NULL;
	made = conditions_copy(item->status);
	for (size_t i = 0; i < count; i++)
		condition_set(made, wanted[i].type, wanted[i].state, wanted[i].reason,
			      wanted[i].message);
	return made;
}

/* Writes the first status that is another. */
static void write_plain(struct kube_pools *pools)
{
	const struct source *source = pools->source;
	struct pool_status pool;

	for (size_t at = 0;
	     !pools->plain.call && allocator_pool_status(pools->allocator, at, &pool); at++) {
		const struct source_item *item;
		json_t *conditions;
		char name[512];

		snprintf(name, sizeof(name), KUBE_POOLS_POOLS "/%s", pool.pool->name);
		item = source_find(source, name);
		conditions = item ? pool_conditions(item, &pool) : NULL;
		if (conditions)
			write_conditions(pools, item, "ciliumloadbalancerippools", conditions);
	}
	for (size_t i = 0; !pools->plain.call && i < source->count; i++)
		if (source->items[i]->wanted)
			write_conditions(pools, source->items[i], "ciliuml2announcementpolicies",
					 json_incref(source->items[i]->wanted));
}

/* ---- deciding ---- */

/* Tells the allocator of @item, with all that may be written for it. */
static int feed(struct kube_pools *pools, struct source_item *item, const struct service *service)
{
	struct address_list written = {};
	struct patch *next;
	int r = 0;

	for (size_t i = 0; i < service->load_balancer.count && !r; i++)
		r = address_list_add(&written, &service->load_balancer.list[i]);
	for (struct patch *patch = pools->patches; patch; patch = next) {
		next = patch->next;
		if (strcmp(patch->item, item->name) != 0)
			continue;
		if (!patch->call && item->version > patch->version) {
			patch_free(patch); /* what became of it is seen */
			continue;
		}
		for (size_t i = 0; i < patch->addresses.count && !r; i++)
			if (!address_list_has(&written, &patch->addresses.list[i]))
				r = address_list_add(&written, &patch->addresses.list[i]);
	}
	if (!r)
		r = allocator_set_service(pools->allocator, service->claim, &written);
	address_list_free(&written);
	item->unfed = false;
	return r;
}

static int feed_all(struct kube_pools *pools, bool anew)
{
	int r = 0;

	for (size_t i = 0; i < pools->source->count && !r; i++) {
		struct source_item *item = pools->source->items[i];
		const struct service *service =
			begins_with(item->name, KUBE_POOLS_SERVICES) ? service_of(item) : NULL;

		if (service && (anew || item->unfed))
			r = feed(pools, item, service);
	}
	return r ?: anew ? allocator_sweep(pools->allocator) : 0;
}

static int set_pools(struct kube_pools *pools, size_t count)
{
	_cleanup_free_ struct pool **list = calloc(count + 1, sizeof(struct pool *));
	size_t kept = 0;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < pools->source->count; i++)
		if (pools->source->items[i]->manifest.pool_count)
			list[kept++] = pools->source->items[i]->manifest.pools[0];
	return allocator_set_pools(pools->allocator, list, kept);
}

static size_t count_pools(const struct kube_pools *pools)
{
	size_t count = 0;

	for (size_t i = 0; i < pools->source->count; i++)
		count += pools->source->items[i]->manifest.pool_count;
	return count;
}

/* There may be something to say about them, right ones or wrong ones. */
static bool has_policies(const struct source *source)
{
	bool found = false;

	for (size_t i = 0; i < source->count && !found; i++)
		found = source->items[i]->wanted || source->items[i]->manifest.policy_count;
	return found;
}

void kube_pools_settle(struct kube_pools *pools)
{
	const struct verdict *const *verdicts;
	size_t count, pool_count = count_pools(pools);
	int r = 0;

	if (!source_known(pools->source))
		return;
	leader_want(pools->leader, pool_count > 0 || has_policies(pools->source));
	if (!leader_leads(pools->leader)) {
		begin_anew(pools);
		return;
	}
	if (!pools->allocator) {
		pools->allocator = allocator_new(pools->classes);
		pools->relisted = true;
		r = pools->allocator ? 0 : -ENOMEM;
	}
	if (!r && pools->relisted)
		r = set_pools(pools, pool_count);
	if (!r)
		r = feed_all(pools, pools->relisted);
	if (!r)
		r = allocator_settle(pools->allocator, &verdicts, &count);
	if (r < 0) {
		out_of_memory(pools);
		return;
	}
	pools->relisted = false;
	for (size_t i = 0; i < count; i++)
		if (verdicts[i]->changed)
			source_say_verdict(pools->source, verdicts[i]);
	if (write_services(pools))
		write_plain(pools);
}

void kube_pools_relisted(struct kube_pools *pools)
{
	pools->relisted = true;
}

const struct allocator *kube_pools_allocator(const struct kube_pools *pools)
{
	return pools->allocator;
}

static void on_leading(void *userdata)
{
	struct kube_pools *pools = userdata;

	source_say(pools->source, LOG_NOTICE,
		   leader_leads(pools->leader) ? "this node gives the pools' addresses"
					       : "this node no longer gives the pools' addresses");
	kube_pools_settle(pools);
}

static void on_log(int priority, const char *text, void *userdata)
{
	struct kube_pools *pools = userdata;

	source_say(pools->source, priority, text);
}

static int on_go_on(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
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
	http_cancel(pools->plain.call);
	free(pools->plain.item);
	sd_event_source_disable_unref(pools->go_on);
	allocator_free(pools->allocator);
	free(pools);
}

int kube_pools_new(sd_event *event, struct kube *kube, struct source *source, const char *node,
		   const char *class, kube_pools_fn *written, void *userdata,
		   struct kube_pools **ret_pools, struct err *err)
{
	static const struct leader_callbacks callbacks = { on_leading, on_log };
	struct kube_pools *pools = calloc(1, sizeof(*pools));
	int r;

	if (!pools)
		return err_set(err, -ENOMEM, "out of memory");
	*pools = (struct kube_pools){
		.kube = kube,
		.source = source,
		.classes = { class },
		.written = written,
		.userdata = userdata,
		.relisted = true,
	};
	pools->plain.pools = pools;
	r = sd_event_add_time_relative(event, &pools->go_on, CLOCK_MONOTONIC, 0, 1000, on_go_on,
				       pools);
	if (r >= 0)
		r = sd_event_source_set_enabled(pools->go_on, SD_EVENT_OFF);
	if (r < 0)
		err_write(err, "a timer can't be made: %s", strerror(-r));
	else
		r = leader_new(event, kube, LEASE_NAME, node, &callbacks, pools, &pools->leader,
			       err);
	if (r < 0) {
		kube_pools_free(pools);
		return r;
	}
	*ret_pools = pools;
	return 0;
}
