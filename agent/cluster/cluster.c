// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "alloc.h"
#include "cleanup.h"
#include "clock.h"
#include "cluster.h"
#include "cluster_collection.h"
#include "cluster_events.h"
#include "cluster_nodes.h"
#include "document.h"
#include "loop.h"

/* Many objects change at once, as when a node returns: report them together. */
#define SETTLE_USEC 20000

void cluster_changed(void *userdata)
{
	struct cluster *cluster = userdata;

	if (!loop_timer_is_on(cluster->settle))
		loop_timer_after(cluster->settle, SETTLE_USEC);
}

static bool cluster_known(const struct source *base)
{
	return ((const struct cluster *)base)->known;
}

static int settled(sd_event_source *event_source, uint64_t usec, void *userdata)
{
	struct cluster *cluster = userdata;

	for (size_t i = 0; i < KIND_COUNT; i++)
		cluster_collection_list_again(&cluster->collections[i]);
	for (size_t i = 0; i < KIND_COUNT; i++)
		if (!cluster->collections[i].state.known)
			return 0;
	/* Services that need endpoints now wait only for those */
	if (!cluster_endpoints_settle(cluster->endpoints) && !cluster->known)
		return 0;
	/* not earlier: whoever acts on what is known must have been notified */
	cluster->known = true;
	cluster->source.callbacks.changed(cluster->source.userdata);
	if (cluster->pools)
		cluster_pools_settle(cluster->pools);
	return 0;
}

/* ---- what a source is ---- */

/* @options as text, to compare them. Includes the contents of the kubeconfig, so that a reload uses
 * a rewritten one. */
static char *options_text(const struct source_options *options)
{
	const struct kube_login_options *login = &options->kubernetes;
	_cleanup_free_ char *kubeconfig = NULL;
	struct err unread;
	size_t size;

	if (login->kubeconfig)
		yaml_read_file(login->kubeconfig, KUBE_LOGIN_LIMIT, &kubeconfig, &size, &unread);
	return xasprintf("%d\n%d\n%s\n%s\n%s\n%s\n%s\n%s\n%s\n%s\n%s\n%s", options->pools,
			 options->class.required, options->node, options->class.name,
			 login->kubeconfig ?: "", login->server ?: "", login->token ?: "",
			 login->ca ?: "", login->cert ?: "", login->key ?: "",
			 login->namespace ?: "", kubeconfig ?: "");
}

static void cluster_free(struct source *base)
{
	struct cluster *cluster = (struct cluster *)base;

	for (size_t i = 0; i < KIND_COUNT; i++)
		kube_watch_free(cluster->collections[i].watch);
	cluster_pools_free(cluster->pools);
	cluster_events_free(cluster->events);
	cluster_conditions_free(cluster->conditions);
	cluster_endpoints_free(cluster->endpoints);
	free(cluster->class_name);
	free(cluster->node);
	kube_login_free(&cluster->login);
	sd_event_source_disable_unref(cluster->settle);
	free(cluster->options);
	free(cluster);
}

static void cluster_stop(struct source *base)
{
	const struct cluster *cluster = (struct cluster *)base;

	if (cluster->pools)
		cluster_pools_stop(cluster->pools);
	else
		base->callbacks.stopped(base->userdata);
}

static void cluster_reserve(struct source *base)
{
	cluster_changed(base);
}

static bool cluster_nodes(struct source *base, bool follow)
{
	struct cluster *cluster = (struct cluster *)base;

	if (follow && !cluster->all_nodes)
		cluster_nodes_widen(cluster->collections[KIND_NODE].watch);
	cluster->all_nodes |= follow;
	return cluster->nodes_known;
}

static bool cluster_same(const struct source *base, const struct source_options *options)
{
	const struct cluster *cluster = (const struct cluster *)base;
	_cleanup_free_ char *text = options->directory ? NULL : options_text(options);

	return text && !strcmp(text, cluster->options);
}

static void cluster_status(const struct source *base, struct source_status *status)
{
	const struct cluster *cluster = (const struct cluster *)base;

	status->allocator = cluster->pools ? cluster_pools_allocator(cluster->pools) : NULL;
	status->leads = cluster->pools && cluster_pools_leads(cluster->pools);
	for (size_t i = 0; i < KIND_COUNT; i++)
		cluster_collection_status(&cluster->collections[i], status);
	cluster_endpoints_status(cluster->endpoints, status);
}

static void cluster_say_event(struct source *base, const struct source_event *event)
{
	struct cluster *cluster = (struct cluster *)base;

	if (cluster->events)
		cluster_events_say(cluster->events, event);
}

static void cluster_say_announced(struct source *base, const struct announced *announced)
{
	struct cluster *cluster = (struct cluster *)base;

	if (cluster->conditions)
		cluster_conditions_say(cluster->conditions, announced);
}

static void list_anew(struct source *base)
{
	struct cluster *cluster = (struct cluster *)base;

	cluster_collection_list_anew(&cluster->collections[KIND_SERVICE]);
	cluster_collection_list_anew(&cluster->collections[KIND_POOL]);
}

static const char *why_full(const struct source *base)
{
	const struct cluster *cluster = (const struct cluster *)base;

	return cluster_collection_full(&cluster->collections[KIND_SERVICE])
		       ?: cluster_collection_full(&cluster->collections[KIND_POOL]);
}

static const struct cluster_pools_callbacks pools_callbacks = { list_anew, why_full };

static void on_events_log(int priority, const char *origin, const char *text, void *source)
{
	source_say_of(source, priority, origin, text);
}

static const struct source_ops ops = {
	.free = cluster_free,
	.same = cluster_same,
	.known = cluster_known,
	.status = cluster_status,
	.reserve = cluster_reserve,
	.nodes = cluster_nodes,
	.stop = cluster_stop,
	.say_event = cluster_say_event,
	.say_announced = cluster_say_announced,
};

int cluster_new(sd_event *event, const struct source_options *options,
		const struct source_callbacks *callbacks, void *userdata,
		struct source **ret_source, struct err *err)
{
	struct cluster *cluster = xcalloc(1, sizeof(*cluster));
	int r = kube_login(event, &options->kubernetes, &cluster->login, err);

	cluster->source =
		(struct source){ &ops, *callbacks, userdata, .unreserved = options->reserve };
	if (!r) {
		r = loop_timer_new(event, LOOP_NEVER, settled, cluster, &cluster->settle);
		r = r < 0 ? err_set(err, r, "a timer can't be made: %s", strerror(-r)) : 0;
	}
	cluster->options = options_text(options);
	cluster->class_name = xstrdup(options->class.name);
	cluster->node = xstrdup(options->node);
	cluster->class = (struct service_class){ cluster->class_name, options->class.required };
	if (!r && !options->read_only)
		r = cluster_pools_new(event, cluster->login.kube, &cluster->source, options,
				      &cluster->class, &pools_callbacks, &cluster->pools, err);
	if (!r && !options->read_only)
		r = cluster_events_new(event, cluster->login.kube, options->node, on_events_log,
				       &cluster->source, &cluster->events, err);
	if (!r && !options->read_only)
		r = cluster_conditions_new(event, cluster->login.kube, &cluster->source,
					   options->node, &cluster->conditions, err);
	if (!r)
		r = cluster_endpoints_new(event, cluster->login.kube, &cluster->source, options,
					  cluster_changed, cluster, &cluster->endpoints, err);
	for (size_t i = 0; i < KIND_COUNT && !r; i++)
		r = cluster_collection_follow(&cluster->collections[i], cluster, i, err);
	if (r < 0)
		source_free(&cluster->source);
	else
		*ret_source = &cluster->source;
	return r;
}
