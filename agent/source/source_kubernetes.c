// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "alloc.h"
#include "cleanup.h"
#include "clock.h"
#include "kube_collection.h"
#include "kube_nodes.h"

/* Many objects change at once, as when a node returns: report them together. */
#define SETTLE_USEC 20000

void source_kubernetes_changed(void *userdata)
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
		collection_list_again(&source->collections[i]);
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
	source_kubernetes_changed(base);
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
	for (size_t i = 0; i < KIND_COUNT; i++)
		collection_status(&source->collections[i], status);
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
		r = kube_endpoints_new(event, source->login.kube, &source->source, options,
				       source_kubernetes_changed, source, &source->endpoints, err);
	for (size_t i = 0; i < KIND_COUNT && !r; i++) {
		source->collections[i] = (struct collection){ .source = source, .kind = i };
		r = collection_follow(&source->collections[i], err);
	}
	if (r < 0)
		source_free(&source->source);
	else
		*ret_source = &source->source;
	return r;
}
