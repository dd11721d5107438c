// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "alloc.h"
#include "cleanup.h"
#include "clock.h"
#include "cluster_conditions.h"
#include "condition.h"
#include "json.h"
#include "loop.h"
#include "rate.h"
#include "source_base.h"

/* The field manager that the API server records as the writer. */
#define MANAGER "xdp-l2respd-announced"
/* After a request that failed for now, nothing is sent for so long. */
#define PAUSE_NS (10 * CLOCK_NS_PER_S)

static const struct rate of_service = { 60 * CLOCK_NS_PER_S, 5 };
/* The default limit of a kubelet since Kubernetes 1.27 (kubeAPIQPS, kubeAPIBurst). Requests are
 * sent one at a time, so that a slow server never has more than one of them in work. */
static const struct rate of_all = { CLOCK_NS_PER_S / 50, 100 };

struct cluster_conditions {
	struct kube *kube;
	struct source *source;
	char *node;
	sd_event_source *timer;
	struct http_call *call;
	char *item;	    /* being written, or written last */
	size_t at;	    /* position in the list of items where the search goes on */
	uint64_t spent_ns;  /* of_all */
	uint64_t pause_ns;  /* nothing is sent before this time */
	struct err trouble; /* of the last write; empty: none */
	bool wrote_one;	    /* the last request sets a condition; else it removes one */
	bool none_kept;	    /* this server doesn't store conditions of Services */
};

static void forget(struct source_item *item)
{
	condition_due_free(item->condition_due);
	item->condition_due = NULL;
}

/* ---- writing ---- */

static struct condition condition_of(const struct source_item *item, const char *state,
				     const char *reason, const char *message)
{
	return (struct condition){ CONDITION_ANNOUNCED, state, reason, message, item->generation };
}

static void say_trouble(struct cluster_conditions *conditions, const struct http_result *result)
{
	struct err said;

	if (!kube_trouble_changes(result, &conditions->trouble))
		return;
	err_write(&said, "writing the condition of %s: %s", conditions->item,
		  conditions->trouble.text);
	source_say_of_item(conditions->source, LOG_WARNING, conditions->item, said.text);
}

static void on_written(const struct http_result *result, void *userdata)
{
	_cleanup_json_ json_t *json = http_json(result);
	struct cluster_conditions *conditions = userdata;
	struct source_item *item = source_items_find(&conditions->source->items, conditions->item);

	conditions->call = NULL;
	if (json) {
		conditions->trouble.text[0] = '\0';
		if (item)
			item->written_version = kube_version(json);
		conditions->none_kept =
			conditions->wrote_one &&
			!condition_find(json_object_get(json, "status"), CONDITION_ANNOUNCED);
	} else if (result->status != 404) {
		say_trouble(conditions, result);
		if (result->error || result->status >= 500 || result->status == 429)
			conditions->pause_ns = clock_boot_ns() + PAUSE_NS;
	}
	loop_timer_at(conditions->timer, 0);
}

static void write_item(struct cluster_conditions *conditions, struct source_item *item,
		       uint64_t now_ns)
{
	const struct condition_due *due = item->condition_due;
	const struct condition wanted = condition_of(item, due->state, due->reason, due->message);
	_cleanup_json_ json_t *body = json_pack("{s{so}}", "status", "conditions",
						condition_patch(item->status, &wanted));
	const struct service *service = source_item_service(item);
	_cleanup_free_ char *path =
		xasprintf("/api/v1/namespaces/%s/services/%s/status?fieldManager=" MANAGER,
			  service->namespace, service->name);

	conditions->wrote_one = due->state;
	forget(item);
	free(conditions->item);
	conditions->item = xstrdup(item->name);
	rate_spend(&of_service, &item->condition_spent_ns, now_ns);
	rate_spend(&of_all, &conditions->spent_ns, now_ns);
	conditions->call = kube_merge_by_key(conditions->kube, path, body, on_written, conditions);
}

/* Sends the next request that the rates permit, or sets the timer for when they do. */
static void go_on(struct cluster_conditions *conditions)
{
	const struct source_items *items = &conditions->source->items;
	uint64_t now_ns = clock_boot_ns(), next_ns = UINT64_MAX;
	uint64_t from_ns = rate_due(&of_all, conditions->spent_ns);

	from_ns = from_ns > conditions->pause_ns ? from_ns : conditions->pause_ns;
	for (size_t i = 0; i < items->count && !conditions->call; i++) {
		struct source_item *item = items->list[conditions->at++ % items->count];
		uint64_t due_ns = rate_due(&of_service, item->condition_spent_ns);

		if (!item->condition_due || !item->condition_due->ripe)
			continue;
		due_ns = due_ns > from_ns ? due_ns : from_ns;
		if (due_ns <= now_ns)
			write_item(conditions, item, now_ns);
		else if (due_ns < next_ns)
			next_ns = due_ns;
	}
	if (!conditions->call)
		loop_timer_at(conditions->timer, next_ns);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct cluster_conditions *conditions = userdata;

	if (!conditions->call)
		go_on(conditions);
	return 0;
}

/* ---- what is wanted ---- */

/* Is @node the first one in the message of @existing, which is "True"? */
static bool is_of(const json_t *existing, const char *node)
{
	const char *text = json_string_value(json_object_get(existing, "message")) ?: "";
	const char *by = strstr(text, ANNOUNCED_BY);
	size_t length = strlen(node);

	by = by ? by + strlen(ANNOUNCED_BY) : "";
	return !strncmp(by, node, length) && (!by[length] || strchr(" ;", by[length]));
}

static bool may_replace(const json_t *existing, const struct announced *announced, const char *node)
{
	const char *state = json_string_value(json_object_get(existing, "status")) ?: "";

	if (!announced->state)
		return announced->leads;
	if (strcmp(announced->state, "Unknown") != 0)
		return true;
	return !strcmp(state, "True") ? is_of(existing, node) : announced->leads;
}

static bool is_due(const struct condition_due *due, const struct announced *announced)
{
	return due && !due->state == !announced->state &&
	       (!due->state ||
		(!strcmp(due->state, announced->state) && !strcmp(due->reason, announced->reason) &&
		 !strcmp(due->message, announced->message)));
}

static struct condition_due *due_new(const struct announced *announced)
{
	struct condition_due *due = xcalloc(1, sizeof(*due));

	due->since_ns = clock_boot_ns();
	due->state = announced->state;
	due->reason = xstrdup(announced->reason ?: "");
	due->message = xstrdup(announced->message ?: "");
	return due;
}

void cluster_conditions_say(struct cluster_conditions *conditions,
			    const struct announced *announced)
{
	struct source_item *item =
		source_items_find_object(&conditions->source->items, SOURCE_ITEM_SERVICES,
					 announced->service->namespace, announced->service->name);
	const json_t *existing = item ? condition_find(item->status, CONDITION_ANNOUNCED) : NULL;
	struct condition wanted;
	bool is_so;

	/* the watch hasn't shown our last write yet: nothing to compare with */
	if (!item || conditions->none_kept || item->version < item->written_version)
		return;
	wanted = condition_of(item, announced->state, announced->reason, announced->message);
	is_so = announced->state ? condition_is(item->status, &wanted) : !existing;
	if (is_so || !may_replace(existing, announced, conditions->node)) {
		forget(item);
		return;
	}
	if (!is_due(item->condition_due, announced)) {
		forget(item);
		item->condition_due = due_new(announced);
	}
	if (clock_boot_ns() < item->condition_due->since_ns + announced->grace_ns)
		return;
	item->condition_due->ripe = true;
	/* from the timer, since the caller may have more to say */
	if (!conditions->call)
		loop_timer_at(conditions->timer, 0);
}

/* ---- changes of a Service that nobody here needs to see ---- */

/* Replaces member @name of @object by a copy of it, and returns the copy (borrowed). */
static json_t *copy_member(json_t *object, const char *name)
{
	json_t *copy = json_copy(json_object_get(object, name));

	if (copy)
		json_object_set_new(object, name, copy);
	return copy;
}

uint64_t cluster_conditions_hash(const json_t *object)
{
	_cleanup_json_ json_t *rest = kube_copy(object);
	json_t *status = copy_member(rest, "status");
	json_t *list = copy_member(status, "conditions");

	conditions_remove(list, CONDITION_ANNOUNCED);
	if (!json_array_size(list))
		json_object_del(status, "conditions");
	return json_hash(rest);
}

/* ---- life ---- */

void cluster_conditions_free(struct cluster_conditions *conditions)
{
	if (!conditions)
		return;
	http_cancel(conditions->call);
	sd_event_source_disable_unref(conditions->timer);
	free(conditions->item);
	free(conditions->node);
	free(conditions);
}

int cluster_conditions_new(sd_event *event, struct kube *kube, struct source *source,
			   const char *node, struct cluster_conditions **ret_conditions,
			   struct err *err)
{
	struct cluster_conditions *conditions = xcalloc(1, sizeof(*conditions));
	int r;

	*conditions = (struct cluster_conditions){ .kube = kube,
						   .source = source,
						   .node = xstrdup(node) };
	r = loop_timer_new(event, LOOP_NEVER, on_timer, conditions, &conditions->timer);
	if (r < 0) {
		cluster_conditions_free(conditions);
		return err_set(err, r, "writing conditions: %s", strerror(-r));
	}
	*ret_conditions = conditions;
	return 0;
}
