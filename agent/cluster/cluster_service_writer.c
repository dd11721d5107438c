// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "alloc.h"
#include "cleanup.h"
#include "cluster_service_writer.h"
#include "condition.h"
#include "hash.h"
#include "json.h"

#define CALLS_MAX 16

/* Writes of a Service's status whose outcome the watch hasn't shown yet. */
struct patch {
	UT_hash_handle hh; /* by item */
	struct cluster_service_writer *writer;
	char *item;
	uint64_t version; /* resourceVersion it requires; a later one shows the outcome */
	struct address_list addresses; /* of all these writes */
	struct http_call *call;	       /* NULL: no request in flight */
	bool sets_condition;	       /* the request in flight, or the last one */
	bool has_addresses;	       /* that asks for no others than the status has */
	bool accepted;		       /* by the server, not yet shown */
	bool unanswered;	       /* the server may still do one */
};

struct cluster_service_writer {
	struct kube *kube;
	struct source *source;
	cluster_service_writer_fn *done;
	void *userdata;
	struct patch *patches; /* hash table */
	size_t calls;
	bool no_conditions; /* this server keeps none on Services */
	struct err trouble; /* of the last write; empty: none */
};

static void patch_free(struct patch *patch)
{
	HASH_DEL(patch->writer->patches, patch);
	http_cancel(patch->call);
	address_list_free(&patch->addresses);
	free(patch->item);
	free(patch);
}

static struct patch *find_patch(const struct cluster_service_writer *writer, const char *item)
{
	struct patch *patch;

	HASH_FIND_STR(writer->patches, item, patch);
	return patch;
}

/* The last write has no outcome to wait for. Keeps @patch if an earlier one may have. */
static void patch_end(struct patch *patch)
{
	if (!patch->unanswered)
		patch_free(patch);
}

/* ---- the status ---- */

static struct condition condition_of(const struct source_item *item, const struct verdict *verdict)
{
	return (struct condition){ CONDITION_SATISFIED, verdict->satisfied ? "True" : "False",
				   verdict->reason, verdict->message, item->generation };
}

/* It has another type now: address and condition go. What is left to other programs isn't written:
 * Cilium's own operator sets the same condition. */
static bool taken_back(const struct verdict *verdict)
{
	return !verdict->ours && !verdict->service->wants_load_balancer;
}

bool cluster_service_writer_differs(const struct cluster_service_writer *writer,
				    const struct source_item *item, const struct verdict *verdict)
{
	const struct condition wanted = condition_of(item, verdict);

	if (!verdict->ours)
		return taken_back(verdict) && !writer->no_conditions &&
		       condition_find(item->status, CONDITION_SATISFIED);
	return !address_list_equal(&source_item_service(item)->load_balancer,
				   &verdict->addresses) ||
	       (!writer->no_conditions && !condition_is(item->status, &wanted));
}

static json_t *body_of(const struct cluster_service_writer *writer, const struct source_item *item,
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
	if (!writer->no_conditions) {
		struct condition wanted = condition_of(item, verdict);

		if (!verdict->ours)
			wanted.state = NULL;
		json_object_set_new(json_object_get(body, "status"), "conditions",
				    condition_patch(item->status, &wanted));
	}
	return body;
}

/* ---- writing it ---- */

static void say_trouble(struct cluster_service_writer *writer, const char *item,
			const struct http_result *result)
{
	struct err said;

	if (!kube_trouble_changes(result, &writer->trouble))
		return;
	err_write(&said, "writing the status of %s: %s", item, writer->trouble.text);
	source_say_of_item(writer->source, LOG_WARNING, item, said.text);
}

/* @json is the object after the server accepted @patch. Returns whether that changed it. */
static bool on_accepted(struct cluster_service_writer *writer, struct patch *patch,
			const json_t *json)
{
	bool newer = kube_version(json) > patch->version;

	writer->trouble.text[0] = '\0';
	if (!writer->no_conditions && patch->sets_condition && (newer || patch->has_addresses) &&
	    !condition_find(json_object_get(json, "status"), CONDITION_SATISFIED)) {
		writer->no_conditions = true;
		source_say(writer->source, LOG_NOTICE,
			   "this API server keeps no conditions of Services: none are written");
	}
	/* a write that changes nothing makes no version that the watch could show */
	if (newer && source_items_find(&writer->source->items, patch->item))
		patch->accepted = true;
	else
		patch_end(patch);
	return newer;
}

static void on_patched(const struct http_result *result, void *userdata)
{
	_cleanup_json_ json_t *json = http_json(result);
	struct patch *patch = userdata;
	struct cluster_service_writer *writer = patch->writer;
	_cleanup_free_ char *item = xstrdup(patch->item);
	bool changed = false;

	patch->call = NULL;
	writer->calls--;
	if (json) {
		changed = on_accepted(writer, patch, json);
	} else {
		if (result->status != 409 && result->status != 404)
			say_trouble(writer, item, result);
		/* 4xx: rejected. After any other failure the server may still do it. */
		if (!result->error && result->status >= 400 && result->status < 500)
			patch_end(patch);
		else
			patch->unanswered = true;
	}
	writer->done(item, changed, writer->userdata);
}

void cluster_service_writer_write(struct cluster_service_writer *writer,
				  const struct source_item *item, const struct verdict *verdict)
{
	const struct service *service = source_item_service(item);
	_cleanup_json_ json_t *body = NULL;
	_cleanup_free_ char *path = NULL;
	struct patch *patch = find_patch(writer, item->name);

	if (patch && (patch->call || patch->accepted))
		return;
	if (!patch) {
		patch = xcalloc(1, sizeof(*patch));
		patch->writer = writer;
		patch->item = xstrdup(item->name);
		HASH_ADD_KEYPTR(hh, writer->patches, patch->item, strlen(patch->item), patch);
	}
	patch->version = item->version;
	patch->sets_condition = verdict->ours;
	patch->has_addresses = address_list_equal(&service->load_balancer, &verdict->addresses);
	for (size_t i = 0; i < verdict->addresses.count; i++)
		address_list_include(&patch->addresses, &verdict->addresses.list[i]);
	body = body_of(writer, item, verdict);
	path = xasprintf("/api/v1/namespaces/%s/services/%s/status", service->namespace,
			 service->name);
	patch->call = kube_merge_by_key(writer->kube, path, body, on_patched, patch);
	writer->calls++;
}

bool cluster_service_writer_has_room(const struct cluster_service_writer *writer)
{
	return writer->calls < CALLS_MAX;
}

bool cluster_service_writer_idle(const struct cluster_service_writer *writer)
{
	return !writer->calls;
}

void cluster_service_writer_add_written(struct cluster_service_writer *writer,
					const struct source_item *item,
					struct address_list *addresses)
{
	struct patch *patch = find_patch(writer, item->name);

	if (patch && !patch->call && item->version > patch->version) {
		patch_free(patch); /* its outcome is known now */
		patch = NULL;
	}
	for (size_t i = 0; patch && i < patch->addresses.count; i++)
		address_list_include(addresses, &patch->addresses.list[i]);
}

void cluster_service_writer_forget(struct cluster_service_writer *writer,
				   const struct source_item *item)
{
	struct patch *patch = find_patch(writer, item->name);

	if (patch && !patch->call)
		patch_free(patch);
}

void cluster_service_writer_sweep(struct cluster_service_writer *writer)
{
	struct patch *patch, *next;

	HASH_ITER(hh, writer->patches, patch, next)
	if (!patch->call && !source_items_find(&writer->source->items, patch->item))
		patch_free(patch);
}

void cluster_service_writer_listed(struct cluster_service_writer *writer)
{
	struct patch *patch, *next;

	HASH_ITER(hh, writer->patches, patch, next)
	if (patch->accepted) {
		patch->accepted = false;
		patch->unanswered = true;
	}
}

void cluster_service_writer_free(struct cluster_service_writer *writer)
{
	if (!writer)
		return;
	while (writer->patches)
		patch_free(writer->patches);
	free(writer);
}

struct cluster_service_writer *cluster_service_writer_new(struct kube *kube, struct source *source,
							  cluster_service_writer_fn *done,
							  void *userdata)
{
	struct cluster_service_writer *writer = xcalloc(1, sizeof(*writer));

	*writer = (struct cluster_service_writer){
		.kube = kube, .source = source, .done = done, .userdata = userdata
	};
	return writer;
}
