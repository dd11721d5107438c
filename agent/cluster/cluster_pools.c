// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "alloc.h"
#include "announced.h"
#include "cleanup.h"
#include "clock.h"
#include "cluster_input.h"
#include "cluster_pools.h"
#include "cluster_service_writer.h"
#include "cluster_status_writer.h"
#include "condition.h"
#include "json.h"
#include "leader.h"
#include "loop.h"

#define LEASE_NAME "l2resp-ipam"
/* Lease of the agents that don't manage pools: its holder reports for all of them. */
#define QUIET_NAME "l2resp-status"
/* Wait after an answer, so that several are handled together. */
#define SETTLE_USEC 5000
/* Failed writes are retried each time that this is over. */
#define RETRY_USEC 1000000

/* Steps of a decision between two looks at the clock: a Service each, with up to 100 addresses. */
#define STEPS 4

/*
 * A decision takes several turns of the event loop if it is about many Services. What changes once
 * it is under way is decided about in the next one; nothing is written before it is finished.
 */
enum stage {
	STAGE_NONE,
	STAGE_SETTING, /* the allocator gets what has changed */
	STAGE_DECIDING,
	STAGE_TELLING, /* it is finished; verdicts are logged */
};

struct cluster_pools {
	struct source *source;
	struct leader *leader;
	struct allocator *allocator; /* NULL: another decides, or not yet */
	const struct service_class *class;
	sd_event_source *timer;		       /* decides and writes again */
	sd_event_source *retry;		       /* writes again what couldn't be written */
	struct cluster_service_writer *writer; /* of Services */
	struct cluster_status_writer *status;  /* of pools and policies */
	const struct cluster_pools_callbacks *callbacks;
	enum stage stage;
	const struct verdict *const *verdicts; /* STAGE_TELLING: from allocator_settle() */
	size_t verdict_count, told;
	size_t next;		  /* the item that is looked at next, modulo their number */
	struct service **removed; /* from the source, not yet from the allocator */
	size_t removed_count, removed_capacity;
	bool gives; /* else the leader gives no addresses */
	/* since it leads, Services, or pools, haven't been listed yet */
	bool services_unlisted, pools_unlisted;
	bool relisted; /* the next decision is about everything */
	bool whole;    /* the one under way is */
	bool stopping, stopped;
};

/* What is due earlier stays so. A decision under way goes on at once. */
static void settle_after(struct cluster_pools *pools, uint64_t usec)
{
	if (pools->stage)
		usec = 0;
	if (!usec || !loop_timer_is_on(pools->timer))
		loop_timer_after(pools->timer, usec);
}

static void retry_later(struct cluster_pools *pools)
{
	if (!loop_timer_is_on(pools->retry))
		loop_timer_after(pools->retry, RETRY_USEC);
}

static void forget_removed(struct cluster_pools *pools)
{
	for (size_t i = 0; i < pools->removed_count; i++)
		service_unref(pools->removed[i]);
	pools->removed_count = 0;
}

/* Another node may assign now: forget the assignments, and start over on leading again. */
static void begin_anew(struct cluster_pools *pools)
{
	allocator_free(pools->allocator);
	pools->allocator = NULL;
	pools->stage = STAGE_NONE;
	forget_removed(pools);
	pools->source->pools_wait.text[0] = '\0';
}

/* ---- writing ---- */

static void on_written(const char *name, bool changed, void *userdata)
{
	struct cluster_pools *pools = userdata;
	struct source_item *item = source_items_find(&pools->source->items, name);

	if (item) {
		item->pools_behind = true;
		item->unwritable = !changed;
	}
	if (!changed)
		retry_later(pools);
	settle_after(pools, SETTLE_USEC);
}

/* The verdict of @item's Service, if its status differs from it; else NULL. */
static const struct verdict *unwritten(const struct cluster_pools *pools,
				       const struct source_item *item)
{
	const struct service *service = source_item_service(item);
	const struct verdict *verdict =
		service ? allocator_verdict(pools->allocator, service) : NULL;

	return verdict && !item->broken &&
			       cluster_service_writer_differs(pools->writer, item, verdict)
		       ? verdict
		       : NULL;
}

/* Begins to write what isn't written, in turns, so that items that change all the time don't keep
 * others waiting. */
static void write_services(struct cluster_pools *pools, uint64_t begun_ns)
{
	const struct source_items *items = &pools->source->items;
	bool again = pools->relisted || pools->removed_count;

	for (size_t i = 0; i < items->count && cluster_service_writer_has_room(pools->writer);
	     i++) {
		struct source_item *item = items->list[pools->next++ % items->count];
		const struct verdict *verdict;

		/* the verdict isn't about its current version */
		again |= item->unwritten && item->pools_behind;
		if (!item->unwritten || item->unwritable || item->pools_behind)
			continue;
		if (!loop_may_go_on(begun_ns)) {
			again = true;
			break;
		}
		verdict = unwritten(pools, item);
		item->unwritten = verdict;
		if (verdict)
			cluster_service_writer_write(pools->writer, item, verdict);
	}
	if (again)
		settle_after(pools, 0);
}

/* ---- deciding ---- */

/* Tells the allocator how @item is now, with all that may be written for it. */
static void set_service(struct cluster_pools *pools, struct source_item *item,
			struct service *service)
{
	_cleanup_(address_list_free) struct address_list written = {};

	for (size_t i = 0; i < service->load_balancer.count; i++)
		address_list_include(&written, &service->load_balancer.list[i]);
	cluster_service_writer_add_written(pools->writer, item, &written);
	allocator_set_service(pools->allocator, service, &written);
	item->unwritten = true;
}

/* Returns whether all that have changed are set. */
static bool set_services(struct cluster_pools *pools, uint64_t begun_ns)
{
	for (size_t i = 0; i < pools->source->items.count; i++) {
		struct source_item *item = pools->source->items.list[i];
		struct service *service;

		if (!item->pools_behind)
			continue;
		if (!loop_may_go_on(begun_ns))
			return false;
		service = cluster_input_service(item);
		if (service)
			set_service(pools, item, service);
		service_unref(service);
		item->pools_behind = false;
	}
	return true;
}

static void tell_verdict(struct cluster_pools *pools, const struct verdict *verdict)
{
	const struct service *service = verdict->service;
	struct source_item *item = source_items_find_object(
		&pools->source->items, SOURCE_ITEM_SERVICES, service->namespace, service->name);

	if (item)
		item->unwritten = true;
	source_say_verdict(pools->source, verdict);
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
static void stop_if_idle(struct cluster_pools *pools)
{
	if (pools->stopped || !cluster_service_writer_idle(pools->writer) ||
	    cluster_status_writer_writes(pools->status))
		return;
	pools->stopped = true;
	leader_stop(pools->leader);
}

void cluster_pools_stop(struct cluster_pools *pools)
{
	pools->stopping = true;
	settle_after(pools, 0);
}

/* The decision that begins now is about everything. */
static void begin_whole(struct cluster_pools *pools)
{
	for (size_t i = 0; i < pools->source->items.count; i++)
		pools->source->items.list[i]->pools_behind = true;
	cluster_service_writer_sweep(pools->writer);
	pools->relisted = false;
	pools->whole = true;
}

/* Returns whether the allocator knows all that has changed. */
static bool set_all(struct cluster_pools *pools, uint64_t begun_ns)
{
	if (pools->relisted)
		begin_whole(pools);
	for (size_t i = 0; i < pools->removed_count; i++)
		allocator_remove_service(pools->allocator, pools->removed[i]);
	forget_removed(pools);
	if (!set_services(pools, begun_ns))
		return false;
	allocator_set_reserved(pools->allocator, &pools->source->reserved);
	if (pools->whole) {
		allocator_sweep(pools->allocator);
		cluster_input_set_pools(&pools->source->items, pools->allocator);
	}
	return true;
}

/* Begins a decision, or goes on with it. Returns whether it is finished. */
static bool go_on(struct cluster_pools *pools, uint64_t begun_ns)
{
	if (pools->stage < STAGE_DECIDING) {
		pools->stage = STAGE_SETTING;
		if (!set_all(pools, begun_ns))
			return false;
		pools->stage = STAGE_DECIDING;
	}
	if (pools->stage == STAGE_DECIDING) {
		while (!allocator_decide(pools->allocator, STEPS))
			if (!loop_may_go_on(begun_ns))
				return false;
		pools->verdicts = allocator_settle(pools->allocator, &pools->verdict_count);
		pools->told = 0;
		pools->stage = STAGE_TELLING;
		if (pools->whole)
			source_say_conflicts(pools->source, pools->allocator);
		pools->whole = false;
	}
	while (pools->told < pools->verdict_count) {
		const struct verdict *verdict = pools->verdicts[pools->told];

		if (!loop_may_go_on(begun_ns))
			return false;
		if (verdict->changed)
			tell_verdict(pools, verdict);
		pools->told++;
	}
	pools->stage = STAGE_NONE;
	return true;
}

/* Must nothing be decided now? Without a pool, or a Service, addresses would be taken back that
 * came from it, or given twice. */
static bool waits(struct cluster_pools *pools)
{
	struct source *source = pools->source;
	const struct source_item *wrong = cluster_input_wrong_pool(&source->items);
	const char *full = pools->callbacks->full(source);
	struct err why = {};

	if (pools->services_unlisted || pools->pools_unlisted)
		err_write(&why, "Services and pools are being listed");
	else if (source_waits(source))
		err_write(&why, "the nodes' own addresses aren't known yet");
	else if (full)
		err_write(&why, "%s", full);
	else if (wrong)
		err_write(&why, "pool %s", wrong->logged);
	if (strcmp(why.text, source->pools_wait.text) != 0) {
		source->pools_wait = why;
		source->callbacks.changed(source->userdata);
	}
	return *why.text;
}

/* What the watches have shown may be old: the leader before may have written since. */
static void begin_leading(struct cluster_pools *pools)
{
	pools->allocator = allocator_new(pools->class);
	pools->relisted = true;
	pools->services_unlisted = pools->pools_unlisted = true;
	pools->callbacks->list(pools->source);
}

void cluster_pools_settle(struct cluster_pools *pools)
{
	uint64_t begun_ns = clock_boot_ns();

	if (pools->stopping) {
		stop_if_idle(pools);
		return;
	}
	if (!source_known(pools->source))
		return;
	if ((pools->gives && cluster_input_count_pools(&pools->source->items)) ||
	    has_news(&pools->source->items))
		leader_begin(pools->leader);
	if (!pools->gives)
		return;
	if (!leader_leads(pools->leader)) {
		begin_anew(pools);
		return;
	}
	if (!pools->allocator)
		begin_leading(pools);
	if (!waits(pools)) {
		if (!go_on(pools, begun_ns)) {
			settle_after(pools, 0);
			return;
		}
		write_services(pools, begun_ns);
	}
	cluster_status_writer_continue(pools->status, pools->allocator);
}

void cluster_pools_listed(struct cluster_pools *pools, bool of_pools)
{
	*(of_pools ? &pools->pools_unlisted : &pools->services_unlisted) = false;
	pools->relisted = true;
	if (!of_pools)
		cluster_service_writer_listed(pools->writer);
}

void cluster_pools_not_served(struct cluster_pools *pools)
{
	if (!pools->pools_unlisted)
		return;
	cluster_pools_listed(pools, true);
	settle_after(pools, 0);
}

void cluster_pools_relisted(struct cluster_pools *pools)
{
	pools->relisted = true;
}

void cluster_pools_status_changed(struct cluster_pools *pools)
{
	settle_after(pools, SETTLE_USEC);
}

void cluster_pools_removed(struct cluster_pools *pools, const struct source_item *item)
{
	struct service *service = pools->allocator ? cluster_input_service(item) : NULL;

	cluster_service_writer_forget(pools->writer, item);
	pools->relisted |= item->manifest.pool_count > 0;
	if (!service)
		return;
	ALLOC_GROW(pools->removed, pools->removed_count, pools->removed_capacity);
	pools->removed[pools->removed_count++] = service;
}

const struct allocator *cluster_pools_allocator(const struct cluster_pools *pools)
{
	return pools->allocator;
}

bool cluster_pools_leads(const struct cluster_pools *pools)
{
	return pools->gives ? pools->allocator != NULL : leader_leads(pools->leader);
}

static void on_status_written(bool changed, void *userdata)
{
	if (!changed)
		retry_later(userdata);
	settle_after(userdata, SETTLE_USEC);
}

static void on_leading(void *userdata)
{
	struct cluster_pools *pools = userdata;

	if (pools->gives)
		source_say(pools->source, LOG_NOTICE,
			   leader_leads(pools->leader)
				   ? "this node gives the pools' addresses"
				   : "this node no longer gives the pools' addresses");
	cluster_pools_settle(pools);
	pools->source->callbacks.changed(pools->source->userdata);
}

static void on_stopped(void *userdata)
{
	const struct cluster_pools *pools = userdata;

	pools->source->callbacks.stopped(pools->source->userdata);
}

static void on_log(int priority, const char *text, void *userdata)
{
	struct cluster_pools *pools = userdata;

	source_say(pools->source, priority, text);
}

static int on_settle(sd_event_source *source, uint64_t usec, void *userdata)
{
	cluster_pools_settle(userdata);
	return 0;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct cluster_pools *pools = userdata;

	for (size_t i = 0; i < pools->source->items.count; i++)
		pools->source->items.list[i]->unwritable = false;
	cluster_status_writer_retry(pools->status);
	cluster_pools_settle(pools);
	return 0;
}

void cluster_pools_free(struct cluster_pools *pools)
{
	if (!pools)
		return;
	leader_free(pools->leader);
	forget_removed(pools);
	free(pools->removed);
	cluster_service_writer_free(pools->writer);
	cluster_status_writer_free(pools->status);
	sd_event_source_disable_unref(pools->timer);
	sd_event_source_disable_unref(pools->retry);
	allocator_free(pools->allocator);
	free(pools);
}

int cluster_pools_new(sd_event *event, struct kube *kube, struct source *source,
		      const struct source_options *options, const struct service_class *class,
		      const struct cluster_pools_callbacks *callbacks,
		      struct cluster_pools **ret_pools, struct err *err)
{
	static const struct leader_callbacks leading = { on_leading, on_stopped, on_log };
	struct cluster_pools *pools = xcalloc(1, sizeof(*pools));
	int r;

	*pools = (struct cluster_pools){
		.source = source,
		.class = class,
		.callbacks = callbacks,
		.gives = options->pools,
	};
	pools->writer = cluster_service_writer_new(kube, source, on_written, pools);
	pools->status = cluster_status_writer_new(kube, source, on_status_written, pools);
	r = loop_timer_new(event, LOOP_NEVER, on_settle, pools, &pools->timer);
	if (r >= 0)
		r = loop_timer_new(event, LOOP_NEVER, on_retry, pools, &pools->retry);
	if (r < 0)
		err_write(err, "a timer can't be made: %s", strerror(-r));
	else
		r = leader_new(event, kube, pools->gives ? LEASE_NAME : QUIET_NAME, options->node,
			       &leading, pools, &pools->leader, err);
	if (r < 0) {
		cluster_pools_free(pools);
		return r;
	}
	*ret_pools = pools;
	return 0;
}
