// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What people and kubectl look at is in the Lease's spec, as Kubernetes means it; what only the
 * protocol needs is one annotation. A record is both.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alloc.h"
#include "cleanup.h"
#include "kube.h"
#include "json.h"
#include "record_json.h"
#include "store_base.h"
#include "store_kubernetes.h"

#define CLAIM_PREFIX "l2resp-"
#define NODE_PREFIX  "l2resp-node-"
#define NAME_MAX_LEN 253 /* of an object: a DNS subdomain's (RFC 1123) */
#define ANNOTATION   "xdp-l2resp.io/record"
#define V4_DIGITS    8
#define V6_DIGITS    32
#define V4_OFFSET    12 /* of an IPv4 address in a mapped one */
#define MS_PER_S     1000
/* Requests on their way at a time: each has a connection. */
#define SWAPS_BEGIN 8
#define SWAPS_MAX   64

struct store_kubernetes {
	struct store_base base; /* first: it is cast to this */
	struct kube *kube;
	struct kube_watch *watch; /* NULL: there is none */
	sd_event_source *turn;	  /* begins or ends the watch, from the event loop */
	char *path;		  /* of the namespace's Lease objects */
	uint32_t duration_s;
};

/* Kind, address and node of the record that has the Lease called @name. False: it is none of ours.
 */
static bool name_parse(const char *name, struct record *record)
{
	uint8_t *byte = record->address.bytes;
	const char *digits = name + strlen(CLAIM_PREFIX);
	size_t count;

	if (!strncmp(name, NODE_PREFIX, strlen(NODE_PREFIX))) {
		record->kind = RECORD_HEARTBEAT;
		node_name_copy(record->node, name + strlen(NODE_PREFIX));
		return record->node[0];
	}
	if (strncmp(name, CLAIM_PREFIX, strlen(CLAIM_PREFIX)) != 0)
		return false;
	record->kind = RECORD_CLAIM;
	count = strlen(digits);
	if ((count != V4_DIGITS && count != V6_DIGITS) ||
	    strspn(digits, "0123456789abcdef") != count)
		return false;
	memset(byte, 0, sizeof(record->address.bytes));
	if (count == V4_DIGITS) {
		byte[V4_OFFSET - 2] = byte[V4_OFFSET - 1] = 0xff;
		byte += V4_OFFSET;
	}
	for (; *digits; digits += 2)
		*byte++ = strtoul((char[]){ digits[0], digits[1], '\0' }, NULL, 16);
	/* one spelling is the address's; a mapped IPv4 one is another's */
	return address_is_v4(&record->address) == (count == V4_DIGITS);
}

static void name_format(const struct record *record, char name[NAME_MAX_LEN + 1])
{
	size_t at = address_is_v4(&record->address) ? V4_OFFSET : 0;
	char *end = name + strlen(CLAIM_PREFIX);

	if (record->kind == RECORD_HEARTBEAT) {
		snprintf(name, NAME_MAX_LEN + 1, NODE_PREFIX "%.*s",
			 (int)(NAME_MAX_LEN - strlen(NODE_PREFIX)), record->node);
		return;
	}
	snprintf(name, NAME_MAX_LEN + 1, CLAIM_PREFIX);
	for (; at < sizeof(record->address.bytes); at++, end += 2)
		snprintf(end, 3, "%02x", record->address.bytes[at]);
}

/* A MicroTime: the API server wants all six digits. */
static json_t *now_json(void)
{
	struct timespec now;
	struct tm tm;
	char date[32], text[64];

	clock_gettime(CLOCK_REALTIME, &now);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", gmtime_r(&now.tv_sec, &tm));
	snprintf(text, sizeof(text), "%s.%06ldZ", date, now.tv_nsec / 1000);
	return json_string(text);
}

/* Moves member @from of @contents to member @to of @spec. */
static void member_move(json_t *contents, const char *from, json_t *spec, const char *to)
{
	json_object_set(spec, to, json_object_get(contents, from));
	json_object_del(contents, from);
}

/* What is written for @record, over what is there or in a new object. */
static json_t *lease_make(const struct store_kubernetes *kubernetes, const struct record *record)
{
	json_auto_t *contents = record_to_json(record), *spec = NULL;
	_cleanup_free_ char *text = NULL;
	char name[NAME_MAX_LEN + 1], revision[24];
	json_t *lease;

	/* always another time: the server takes a write that changes nothing for none */
	spec = json_pack("{so}", "renewTime", now_json());
	if (record->kind == RECORD_CLAIM) {
		member_move(contents, "holder", spec, "holderIdentity");
		member_move(contents, "transitions", spec, "leaseTransitions");
		json_object_set_new(spec, "leaseDurationSeconds",
				    json_integer(kubernetes->duration_s));
		if (record->claim.taken)
			json_object_set(spec, "acquireTime", json_object_get(spec, "renewTime"));
	} else {
		json_object_set_new(spec, "holderIdentity", json_string(record->node));
		json_object_del(contents, "durationMs");
		json_object_set_new(spec, "leaseDurationSeconds",
				    json_integer(record->heartbeat.duration_ms / MS_PER_S));
	}
	text = json_dumps(contents, JSON_COMPACT);
	name_format(record, name);
	snprintf(revision, sizeof(revision), "%" PRIu64, record->revision);
	lease = json_pack("{ss ss s{ss s{ss}} sO}", "apiVersion", "coordination.k8s.io/v1", "kind",
			  "Lease", "metadata", "name", name, "annotations", ANNOTATION, text,
			  "spec", spec);
	if (!lease)
		alloc_fail();
	if (record->revision)
		json_object_set_new(json_object_get(lease, "metadata"), "resourceVersion",
				    json_string(revision));
	return lease;
}

/* What a DELETE says: that the object must be the one that is meant. */
static json_t *delete_make(const struct record *record)
{
	char revision[24];

	snprintf(revision, sizeof(revision), "%" PRIu64, record->revision);
	return json_pack("{ss ss s{ss}}", "apiVersion", "v1", "kind", "DeleteOptions",
			 "preconditions", "resourceVersion", revision);
}

/* Shape and contents of @record, whose kind is set, from a Lease. */
static void lease_parse(const json_t *lease, struct record *record)
{
	json_t *metadata = json_object_get(lease, "metadata");
	json_t *spec = json_object_get(lease, "spec");
	const char *text = json_string_value(
		json_object_get(json_object_get(metadata, "annotations"), ANNOTATION));
	struct err why;
	json_auto_t *contents = text ? json_parse(text, strlen(text), &why) : NULL;
	const char *holder = json_string_value(json_object_get(spec, "holderIdentity")) ?: "";

	if (record->kind == RECORD_CLAIM) {
		json_object_set_new(contents, "holder", json_string(holder));
		json_object_set(contents, "transitions", json_object_get(spec, "leaseTransitions"));
	} else {
		json_object_set_new(
			contents, "durationMs",
			json_integer(MS_PER_S * json_integer_value(json_object_get(
							spec, "leaseDurationSeconds"))));
		if (strcmp(holder, record->node) != 0)
			json_object_clear(contents);
	}
	record->revision = kube_version(lease);
	record_from_json(record, contents);
}

static void trouble(struct store_kubernetes *kubernetes, const char *why)
{
	store_trouble(&kubernetes->base, "kubernetes at %s: %s", kube_server(kubernetes->kube),
		      why);
}

/* From the beginning: what the stream missed isn't known. */
static void follow_anew(struct store_kubernetes *kubernetes)
{
	kubernetes->base.listing = true;
	if (kubernetes->watch)
		kube_watch_restart(kubernetes->watch, true);
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
		store_expect(&kubernetes->base, swap->seen + 1);
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
	json_auto_t *body = gone ? delete_make(record) : lease_make(kubernetes, record);
	const char *method = gone ? "DELETE" : record->revision ? "PATCH" : "POST";
	_cleanup_free_ char *path = NULL;
	char name[NAME_MAX_LEN + 1];

	name_format(record, name);
	path = xasprintf("%s%s%s%s", kubernetes->path, record->revision ? "/" : "",
			 record->revision ? name : "", gone ? "" : "?fieldManager=xdp-l2respd");
	swap->seen = swap->base->listing ? 0 : swap->base->revision;
	swap->call = kube_request(kubernetes->kube, method, path, body, on_swap, swap);
	if (!swap->call)
		alloc_fail();
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
}

static void on_reset(uint64_t version, void *userdata)
{
	struct store_kubernetes *kubernetes = userdata;

	(void)version;
	if (!kubernetes->base.following)
		return;
	kubernetes->base.listing = true;
	kubernetes->base.events->reset(kubernetes->base.userdata);
}

static void on_object(const json_t *object, bool deleted, void *userdata)
{
	struct store_kubernetes *kubernetes = userdata;
	const json_t *metadata = json_object_get(object, "metadata");
	const char *name = json_string_value(json_object_get(metadata, "name"));
	struct record record = { .shape = RECORD_ABSENT };

	kubernetes->base.revision = kube_watch_version(kubernetes->watch);
	kubernetes->base.progress++;
	if (!kubernetes->base.following || !name || !name_parse(name, &record))
		return;
	if (!deleted)
		lease_parse(object, &record);
	kubernetes->base.events->record(&record, kubernetes->base.userdata);
}

static void on_synced(void *userdata)
{
	struct store_kubernetes *kubernetes = userdata;

	if (!kubernetes->base.following)
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

/* Within what it tells a watch may not be ended. */
static int on_turn(sd_event_source *source, void *userdata)
{
	struct store_kubernetes *kubernetes = userdata;
	struct err err;

	(void)source;
	/* one of before doesn't go on: what it showed was told to nobody */
	kube_watch_free(kubernetes->watch);
	kubernetes->watch = NULL;
	kubernetes->base.listing = true;
	if (kubernetes->base.following &&
	    kube_watch_new(kubernetes->kube, kubernetes->path, &watch_events, kubernetes,
			   &kubernetes->watch, &err) < 0)
		trouble(kubernetes, err.text);
	return 0;
}

static void kubernetes_follow(struct store *store, bool follow)
{
	struct store_kubernetes *kubernetes = (struct store_kubernetes *)store;

	kubernetes->base.following = follow;
	sd_event_source_set_enabled(kubernetes->turn, SD_EVENT_ONESHOT);
}

static void kubernetes_free(struct store *store)
{
	struct store_kubernetes *kubernetes = (struct store_kubernetes *)store;

	store_base_close(&kubernetes->base);
	kube_watch_free(kubernetes->watch);
	sd_event_source_disable_unref(kubernetes->turn);
	kube_free(kubernetes->kube);
	free(kubernetes->path);
	free(kubernetes);
}

static void cleanup_kubernetes(struct store_kubernetes **kubernetes)
{
	if (*kubernetes)
		kubernetes_free(&(*kubernetes)->base.store);
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

	kubernetes->base.store.swaps_begin = SWAPS_BEGIN;
	kubernetes->base.store.swaps_max = SWAPS_MAX;
	kubernetes->base.store.follow = kubernetes_follow;
	kubernetes->base.store.free = kubernetes_free;
	kubernetes->base.send = kubernetes_send;
	kubernetes->base.lags = kubernetes_lags;
	kubernetes->duration_s = config->timing.duration_ns / 1000000000;
	if (strlen(NODE_PREFIX) + strlen(config->node) > NAME_MAX_LEN)
		return err_set(err, -EINVAL,
			       "the node name %s is too long: with %s before it, it must be the "
			       "name of a Lease object, of %d characters at most",
			       config->node, NODE_PREFIX, NAME_MAX_LEN);
	r = store_base_init(&kubernetes->base, event, timeout_ns, events, userdata, err);
	r = r ?: kube_new(event, &kube, &kubernetes->kube, err);
	if (r < 0)
		return r;
	kubernetes->path = xasprintf("/apis/coordination.k8s.io/v1/namespaces/%s/leases",
				     kube_namespace(kubernetes->kube));
	r = sd_event_add_defer(event, &kubernetes->turn, on_turn, kubernetes);
	if (r >= 0)
		r = sd_event_source_set_enabled(kubernetes->turn, SD_EVENT_OFF);
	if (r < 0)
		return err_set(err, r, "the event loop: %s", strerror(-r));
	*ret_store = &kubernetes->base.store;
	kubernetes = NULL;
	return 0;
}
