// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "cleanup.h"
#include "clock.h"
#include "kube.h"
#include "loop.h"
#include "record_lease.h"
#include "refused.h"
#include "store_base.h"
#include "store_kubernetes.h"

/* Requests on their way at a time: each has a connection. */
#define SWAPS_MIN 4
#define SWAPS_MAX 64
/* Queries for those whose label is one of the list that follows. */
#define SELECT_PARTS "labelSelector=xdp-l2resp.io%%2Fpart%%20in%%20"
#define SELECT_NODES "labelSelector=xdp-l2resp.io%%2Fnode-hash%%20in%%20"

struct store_kubernetes {
	struct store_base base; /* first: it is cast to this */
	struct kube *kube;
	bool own_kube;
	struct kube_watch *watch;	     /* NULL: there is none */
	struct kube_watch *pulses;	     /* of those watched; NULL: of nobody */
	sd_event_source *turn, *pulses_turn; /* begins or ends them, from the event loop */
	bool full;			     /* it showed more than there is room for */
	char *path;			     /* of the namespace's Lease objects */
	char *listed;			     /* those that are records */
	char *shown;	   /* those of them that the watch shows, as a query; NULL: all */
	char *election;	   /* NULL: there is none */
	char *pulses_path; /* those that are watched; NULL: there are none */
	struct refused *refused;
	char *node;
	uint32_t duration_s;
};

/* The name of the Lease that has @record. */
static void record_name(const struct store_kubernetes *kubernetes, const struct record *record,
			char name[RECORD_NAME_MAX + 1])
{
	if (kubernetes->election)
		snprintf(name, RECORD_NAME_MAX + 1, "%s", kubernetes->election);
	else
		record_name_format(record, name);
}

/* Who has a Lease that all share: a node's name, as far as there is room, and its agent's id. */
static json_t *candidate_json(const struct record *record)
{
	_cleanup_free_ char *text = xasprintf("%.*s_%s", RECORD_NODE_MAX - RECORD_ID_DIGITS - 1,
					      record->node, record->heartbeat.id);

	return json_string(text);
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), wanted = strlen(end);

	return length >= wanted && !strcmp(text + length - wanted, end);
}

static const char *object_name(const json_t *object)
{
	return json_string_value(json_object_get(json_object_get(object, "metadata"), "name"));
}

/* The record in the Lease @object. False: it is none of ours. */
static bool record_read(const struct store_kubernetes *kubernetes, const json_t *object,
			struct record *record)
{
	const json_t *spec = json_object_get(object, "spec");
	const char *name = object_name(object);

	if (!name)
		return false;
	if (!kubernetes->election) {
		if (!record_name_parse(name, record))
			return false;
		record_from_lease(object, record);
		return true;
	}
	/* whoever has it: to each candidate it is its own node's heartbeat, by another agent */
	record->kind = RECORD_HEARTBEAT;
	node_name_copy(record->node,
		       json_string_value(json_object_get(spec, "holderIdentity")) ?: "");
	record_from_lease(object, record);
	if (record->shape == RECORD_GOOD && !ends_with(record->node, record->heartbeat.id))
		record->shape = RECORD_FOREIGN;
	node_name_copy(record->node, kubernetes->node);
	return !strcmp(name, kubernetes->election);
}

static void trouble(struct store_kubernetes *kubernetes, const char *why)
{
	store_trouble(&kubernetes->base, "kubernetes", kube_server(kubernetes->kube), why);
}

/* From the beginning: what the stream missed isn't known. */
static void follow_anew(struct store_kubernetes *kubernetes)
{
	kubernetes->base.listing = true;
	if (kubernetes->watch)
		kube_watch_restart(kubernetes->watch, true);
}

static bool is_others_heartbeat(const struct store_kubernetes *kubernetes,
				const struct record *record)
{
	return record->kind == RECORD_HEARTBEAT && strcmp(record->node, kubernetes->node) != 0;
}

/* Is it refused because of what the stream doesn't show? Somebody has removed the Lease's labels.
 */
static bool is_hidden(struct store_kubernetes *kubernetes, const struct store_swap *swap)
{
	char name[RECORD_NAME_MAX + 1];

	record_name(kubernetes, &swap->record, name);
	return refused_again(&kubernetes->refused, name, swap->seen);
}

static void on_swap(const struct http_result *result, void *userdata)
{
	struct store_swap *swap = userdata;
	struct store_kubernetes *kubernetes = (struct store_kubernetes *)swap->base;
	json_auto_t *json = NULL;
	bool refused = result->status == 409 || (result->status == 404 && swap->record.revision);
	char text[HTTP_TROUBLE_MAX];

	swap->call = NULL;
	if (!result->error && refused) {
		store_answered(&kubernetes->base);
		/* there is something newer, if only by then: the stream is to show it */
		if (is_others_heartbeat(kubernetes, &swap->record)) {
			if (kubernetes->pulses)
				kube_watch_restart(kubernetes->pulses, true);
		} else if (is_hidden(kubernetes, swap)) {
			/* a list shows those without labels, too */
			follow_anew(kubernetes);
		} else {
			/* the watch's connection may be dead, as after a pause of the machine */
			if (swap->record.kind == RECORD_HEARTBEAT && kubernetes->watch &&
			    kube_watch_version(kubernetes->watch) && store_hides(&kubernetes->base))
				kube_watch_restart(kubernetes->watch, false);
			store_expect(&kubernetes->base, swap->seen + 1);
		}
		store_swap_end(swap, -EAGAIN);
		return;
	}
	if (result->error || (result->status != 200 && result->status != 201)) {
		trouble(kubernetes, kube_trouble(result, text));
		store_swap_end(swap, result->error ?: -EIO);
		return;
	}
	if (swap->record.shape == RECORD_ABSENT) {
		/* the answer doesn't say of which version it is */
		swap->record.revision = 0;
		store_answered(&kubernetes->base);
		store_expect(&kubernetes->base, swap->seen + 1);
		store_swap_end(swap, 0);
		return;
	}
	json = http_json(result);
	swap->record.revision = kube_version(json);
	if (!swap->record.revision) {
		trouble(kubernetes, kube_trouble(result, text));
		store_swap_end(swap, -EPROTO);
		return;
	}
	store_answered(&kubernetes->base);
	/* below what was seen when it was sent: the store was put back, or is another one */
	if (swap->record.revision < swap->seen)
		follow_anew(kubernetes);
	store_expect(&kubernetes->base, swap->record.revision);
	store_swap_end(swap, 0);
}

/*
 * Over a revision it is a PATCH that names it. A PUT with a resourceVersion would do, but for an
 * object that was deleted meanwhile: of Lease objects it makes a new one then.
 */
static void kubernetes_send(struct store_swap *swap)
{
	struct store_kubernetes *kubernetes = (struct store_kubernetes *)swap->base;
	const struct record *record = &swap->record;
	bool gone = record->shape == RECORD_ABSENT;
	json_auto_t *body = NULL;
	const char *method = gone ? "DELETE" : record->revision ? "PATCH" : "POST";
	_cleanup_free_ char *path = NULL;
	char name[RECORD_NAME_MAX + 1];

	record_name(kubernetes, record, name);
	body = gone ? record_delete_body(record)
		    : record_to_lease(record, name, kubernetes->duration_s);
	if (kubernetes->election && !gone)
		json_object_set_new(json_object_get(body, "spec"), "holderIdentity",
				    candidate_json(record));
	path = xasprintf("%s%s%s%s", kubernetes->path, record->revision ? "/" : "",
			 record->revision ? name : "", gone ? "" : "?fieldManager=xdp-l2respd");
	swap->seen = swap->base->listing ? 0 : swap->base->revision;
	swap->call = kube_request(kubernetes->kube, method, path, body, on_swap, swap);
}

static void kubernetes_lags(struct store_base *base, bool again)
{
	struct store_kubernetes *kubernetes = (struct store_kubernetes *)base;

	/* the watch knows first that there is to be a list */
	if (!kubernetes->watch || !kube_watch_version(kubernetes->watch))
		return;
	trouble(kubernetes, "its watch lags behind");
	/* of a store that was put back a watch from here shows nothing, ever */
	if (again)
		follow_anew(kubernetes);
	else
		kube_watch_restart(kubernetes->watch, false);
	/* what stopped it may have stopped this, too, of which nothing is awaited */
	if (kubernetes->pulses)
		kube_watch_restart(kubernetes->pulses, again);
}

static void on_reset(uint64_t version, void *userdata)
{
	struct store_kubernetes *kubernetes = userdata;

	if (!kubernetes->base.following || kubernetes->full)
		return;
	kubernetes->base.listing = true;
	refused_forget(&kubernetes->refused);
	kubernetes->base.events->reset(kubernetes->base.userdata);
}

static bool beats(const struct record *record)
{
	return record->shape == RECORD_GOOD && (record->heartbeat.state == HEARTBEAT_ALIVE ||
						record->heartbeat.state == HEARTBEAT_DRAINING);
}

static void make_absent(struct record *record)
{
	record->shape = RECORD_ABSENT;
	record->revision = 0;
}

/* Within what it tells a watch may not be ended. */
static void on_object(const json_t *object, bool deleted, void *userdata)
{
	struct store_kubernetes *kubernetes = userdata;
	struct record record = { .shape = RECORD_ABSENT };
	char text[HTTP_TROUBLE_MAX];

	kubernetes->base.revision = kube_watch_version(kubernetes->watch);
	kubernetes->base.progress++;
	kubernetes->base.changes += !kubernetes->base.listing;
	if (!kubernetes->base.following || kubernetes->full ||
	    !record_read(kubernetes, object, &record))
		return;
	refused_shown(&kubernetes->refused, object_name(object));
	/* a renewal took it out of what is shown, or it is removed: there is no telling */
	if (deleted && is_others_heartbeat(kubernetes, &record) && beats(&record))
		return;
	if (deleted)
		make_absent(&record);
	if (kubernetes->base.events->record(&record, kubernetes->base.userdata))
		return;
	kubernetes->full = true;
	store_full(&kubernetes->base, text);
	trouble(kubernetes, text);
	loop_timer_after(kubernetes->turn, 0);
}

static void on_synced(void *userdata)
{
	struct store_kubernetes *kubernetes = userdata;

	if (!kubernetes->base.following || kubernetes->full)
		return;
	kubernetes->base.revision = kube_watch_version(kubernetes->watch);
	kubernetes->base.listing = false;
	kubernetes->base.events->synced(kubernetes->base.userdata);
}

static void on_reachable(const char *why, void *userdata)
{
	struct store_kubernetes *kubernetes = userdata;

	if (why)
		trouble(kubernetes, why);
	else
		store_answered(&kubernetes->base);
}

static const struct kube_watch_events watch_events = {
	.reset = on_reset,
	.object = on_object,
	.synced = on_synced,
	.reachable = on_reachable,
};

static int on_turn(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct store_kubernetes *kubernetes = userdata;
	struct err err;

	/* one of before doesn't go on: what it showed was told to nobody */
	kube_watch_free(kubernetes->watch);
	kubernetes->watch = NULL;
	kubernetes->base.listing = true;
	if (!kubernetes->base.following)
		return 0;
	if (kubernetes->full) {
		kubernetes->full = false;
		loop_timer_after(kubernetes->turn, STORE_FULL_USEC);
		return 0;
	}
	if (kube_watch_new(kubernetes->kube, kubernetes->listed, &watch_events, kubernetes,
			   &kubernetes->watch, &err) < 0)
		trouble(kubernetes, err.text);
	else if (kubernetes->shown)
		kube_watch_narrow(kubernetes->watch, kubernetes->shown);
	return 0;
}

static void on_pulses_reset(uint64_t version, void *userdata)
{
	struct store_kubernetes *kubernetes = userdata;

	kubernetes->base.events->pulses_reset(kubernetes->base.userdata);
}

static void on_pulse(const json_t *object, bool deleted, void *userdata)
{
	struct store_kubernetes *kubernetes = userdata;
	struct record record = { .shape = RECORD_ABSENT };

	if (!record_read(kubernetes, object, &record) || record.kind != RECORD_HEARTBEAT)
		return;
	if (deleted)
		make_absent(&record);
	kubernetes->base.events->pulse(&record, kubernetes->base.userdata);
}

static void on_pulses_synced(void *userdata)
{
	struct store_kubernetes *kubernetes = userdata;

	kubernetes->base.events->pulses_synced(kubernetes->base.userdata);
}

static const struct kube_watch_events pulses_events = {
	.reset = on_pulses_reset,
	.object = on_pulse,
	.synced = on_pulses_synced,
	.reachable = on_reachable,
};

static int on_pulses_turn(sd_event_source *source, void *userdata)
{
	struct store_kubernetes *kubernetes = userdata;
	struct err err;

	kube_watch_free(kubernetes->pulses);
	kubernetes->pulses = NULL;
	if (kubernetes->pulses_path &&
	    kube_watch_new(kubernetes->kube, kubernetes->pulses_path, &pulses_events, kubernetes,
			   &kubernetes->pulses, &err) < 0)
		trouble(kubernetes, err.text);
	return 0;
}

static void kubernetes_watch(struct store *store, const char *const *nodes, size_t count)
{
	struct store_kubernetes *kubernetes = (struct store_kubernetes *)store;
	_cleanup_free_ char *labels = xcalloc(count + 1, RECORD_LABEL_SIZE + 1);
	char *end = labels;

	for (size_t i = 0; i < count; i++) {
		if (i)
			*end++ = ',';
		record_node_label(nodes[i], end);
		end += RECORD_LABEL_SIZE - 1;
	}
	free(kubernetes->pulses_path);
	kubernetes->pulses_path =
		count ? xasprintf("%s?" SELECT_NODES "(%s)", kubernetes->path, labels) : NULL;
	sd_event_source_set_enabled(kubernetes->pulses_turn, SD_EVENT_ONESHOT);
}

static void kubernetes_follow(struct store *store, bool follow)
{
	struct store_kubernetes *kubernetes = (struct store_kubernetes *)store;

	kubernetes->base.following = follow;
	kubernetes->base.quiet_usec = 0;
	kubernetes->full = false;
	loop_timer_after(kubernetes->turn, 0);
	if (!follow)
		kubernetes_watch(store, NULL, 0);
}

static void kubernetes_free(struct store *store)
{
	struct store_kubernetes *kubernetes = (struct store_kubernetes *)store;

	store_base_close(&kubernetes->base);
	kube_watch_free(kubernetes->watch);
	kube_watch_free(kubernetes->pulses);
	sd_event_source_disable_unref(kubernetes->turn);
	sd_event_source_disable_unref(kubernetes->pulses_turn);
	if (kubernetes->own_kube)
		kube_free(kubernetes->kube);
	refused_forget(&kubernetes->refused);
	free(kubernetes->path);
	free(kubernetes->listed);
	free(kubernetes->election);
	free(kubernetes->pulses_path);
	free(kubernetes->shown);
	free(kubernetes->node);
	free(kubernetes);
}

static void cleanup_kubernetes(struct store_kubernetes **kubernetes)
{
	if (*kubernetes)
		kubernetes_free(&(*kubernetes)->base.store);
}

/* Whose records are followed: all nodes', or one that all share. */
static void choose_records(struct store_kubernetes *kubernetes, const struct lease_config *config)
{
	char label[RECORD_LABEL_SIZE];

	if (config->election) {
		kubernetes->election = xstrdup(config->election);
		kubernetes->listed = xasprintf("%s?fieldSelector=metadata.name%%3D%s",
					       kubernetes->path, config->election);
		return;
	}
	kubernetes->listed = xstrdup(kubernetes->path);
	record_node_label(config->node, label);
	kubernetes->shown = xasprintf(SELECT_PARTS "(" RECORD_PART_ALL ",%s)", label);
	kubernetes->base.store.watch = kubernetes_watch;
}

int store_kubernetes_new(sd_event *event, const struct lease_config *config, uint64_t timeout_ns,
			 const struct store_events *events, void *userdata,
			 struct store **ret_store, struct err *err)
{
	_cleanup_(cleanup_kubernetes) struct store_kubernetes *kubernetes =
		xcalloc(1, sizeof(*kubernetes));
	const struct kube_config kube = {
		.server = config->server,
		.namespace = config->namespace,
		.token_file = config->token_file,
		.ca = config->ca,
		.cert = config->cert,
		.key = config->key,
		.timeout_ns = timeout_ns,
		.retry_max_ns = config->timing.retry_period_ns,
	};
	int r;

	kubernetes->base.store.swaps_min = SWAPS_MIN;
	kubernetes->base.store.swaps_max = SWAPS_MAX;
	kubernetes->base.store.follow = kubernetes_follow;
	kubernetes->base.store.free = kubernetes_free;
	kubernetes->base.send = kubernetes_send;
	kubernetes->base.lags = kubernetes_lags;
	kubernetes->duration_s = config->timing.duration_ns / CLOCK_NS_PER_S;
	if (strlen(RECORD_NODE_PREFIX) + strlen(config->node) > RECORD_NAME_MAX)
		return err_set(err, -EINVAL,
			       "the node name %s is too long: with %s before it, it must be the "
			       "name of a Lease object, of %d characters at most",
			       config->node, RECORD_NODE_PREFIX, RECORD_NAME_MAX);
	r = store_base_init(&kubernetes->base, event, timeout_ns, events, userdata, err);
	kubernetes->kube = config->kube;
	kubernetes->own_kube = !config->kube;
	if (!config->kube)
		r = r ?: kube_new(event, &kube, &kubernetes->kube, err);
	if (r < 0)
		return r;
	kubernetes->path = xasprintf("/apis/coordination.k8s.io/v1/namespaces/%s/leases",
				     kube_namespace(kubernetes->kube));
	kubernetes->node = xstrdup(config->node);
	choose_records(kubernetes, config);
	r = loop_timer_new(event, LOOP_NEVER, on_turn, kubernetes, &kubernetes->turn);
	if (r >= 0)
		r = sd_event_add_defer(event, &kubernetes->pulses_turn, on_pulses_turn, kubernetes);
	if (r >= 0)
		r = sd_event_source_set_enabled(kubernetes->pulses_turn, SD_EVENT_OFF);
	if (r < 0)
		return err_set(err, r, "the event loop: %s", strerror(-r));
	*ret_store = &TAKE_PTR(kubernetes)->base.store;
	return 0;
}
