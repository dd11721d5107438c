// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "manifest.h"

#define DEFAULT_NAMESPACE "default"

/* Not labels, but policies select by them as if they were. */
#define LABEL_NAMESPACE "io.kubernetes.service.namespace"
#define LABEL_NAME	"io.kubernetes.service.name"

const char *const conflict_answer_names[] = {
	[CONFLICT_DEFEND] = "defend",
	[CONFLICT_YIELD] = "yield",
};

/* What an object is parsed with. */
struct parse {
	struct manifest *manifest;
	const struct place *place;
	manifest_note_fn *note;
	void *data;
	struct err *err;
};

static void service_clear(struct service *service)
{
	labels_free(&service->labels);
	address_list_free(&service->external);
	address_list_free(&service->load_balancer);
	claim_unref(service->claim);
	free(service->preferred_node);
	free(service->class);
	free(service->namespace);
	free(service->name);
	free(service->uid);
	*service = (struct service){};
}

static void node_clear(struct node *node)
{
	labels_free(&node->labels);
	free(node->name);
	*node = (struct node){};
}

static void policy_clear(struct policy *policy)
{
	selector_free(&policy->services);
	selector_free(&policy->nodes);
	pattern_list_free(&policy->interfaces);
	free(policy->name);
	*policy = (struct policy){};
}

void manifest_free(struct manifest *manifest)
{
	for (size_t i = 0; i < manifest->service_count; i++)
		service_clear(&manifest->services[i]);
	for (size_t i = 0; i < manifest->node_count; i++)
		node_clear(&manifest->nodes[i]);
	for (size_t i = 0; i < manifest->policy_count; i++)
		policy_clear(&manifest->policies[i]);
	for (size_t i = 0; i < manifest->pool_count; i++)
		pool_unref(manifest->pools[i]);
	free(manifest->services);
	free(manifest->nodes);
	free(manifest->policies);
	free(manifest->pools);
	*manifest = (struct manifest){};
}

static int err_nomem(struct err *err)
{
	return err_set(err, -ENOMEM, "out of memory");
}

/* Room for one more of @size bytes in @list, which holds @count; grown by doubling, since a file
 * may have 100,000. */
static void *room(void *list, size_t count, size_t size)
{
	if (count & (count - 1))
		return list;
	return reallocarray(list, count ? 2 * count : 1, size);
}

/* A copy of the string @key of @object; absent: NULL and 0. */
static int copy_string(const struct parse *parse, const json_t *object, const char *key,
		       char **ret_text)
{
	const char *text;
	int r = field_string(parse->place, object, key, &text, parse->err);

	if (r <= 0)
		return r;
	*ret_text = strdup(text);
	return *ret_text ? 1 : err_nomem(parse->err);
}

/* metadata and its name, which every object must have. */
static int take_metadata(const struct parse *parse, const json_t *object, json_t **ret_metadata,
			 char **ret_name)
{
	int r = field_get(parse->place, object, "metadata", FIELD_OBJECT, ret_metadata, parse->err);

	if (r > 0)
		r = copy_string(parse, *ret_metadata, "name", ret_name);
	if (r == 0 || (r > 0 && !**ret_name))
		return place_err(parse->err, -EINVAL, parse->place, object, "metadata",
				 "metadata.name is missing");
	return r < 0 ? r : 0;
}

static void note_skipped(const struct parse *parse, const json_t *object, const char *key,
			 const char *text)
{
	struct err said;

	place_err_write(&said, parse->place, object, key, text);
	parse->note(said.text, parse->data);
}

/* Appends @text to @list. What can't be announced is noted and left out. */
static int add_address(const struct parse *parse, const json_t *object, const char *key,
		       const char *text, struct address_list *list)
{
	struct address address;
	struct err said;

	if (addr_parse(text, &address, &said) < 0) {
		note_skipped(parse, object, key, said.text);
		return 0;
	}
	return address_list_add(list, &address) < 0 ? err_nomem(parse->err) : 0;
}

static int take_external(const struct parse *parse, const json_t *spec, struct service *service)
{
	json_t *array = NULL, *item;
	size_t i;
	int r = field_get(parse->place, spec, "externalIPs", FIELD_ARRAY, &array, parse->err);

	if (r > 0)
		r = field_strings(parse->place, spec, "externalIPs", array, parse->err);
	if (r < 0)
		return r;
	json_array_foreach(array, i, item)
	{
		r = add_address(parse, spec, "externalIPs", json_string_value(item),
				&service->external);
		if (r < 0)
			return r;
	}
	return 0;
}

/* status.loadBalancer.ingress; those with a host name alone are none of ours. */
static int take_ingress(const struct parse *parse, const json_t *object, struct service *service)
{
	json_t *status = NULL, *balancer = NULL, *array = NULL, *item;
	const char *ip;
	size_t i;
	int r = field_get(parse->place, object, "status", FIELD_OBJECT, &status, parse->err);

	if (r > 0)
		r = field_get(parse->place, status, "loadBalancer", FIELD_OBJECT, &balancer,
			      parse->err);
	if (r > 0)
		r = field_get(parse->place, balancer, "ingress", FIELD_ARRAY, &array, parse->err);
	if (r < 0)
		return r;
	json_array_foreach(array, i, item)
	{
		if (!json_is_object(item))
			return place_err(parse->err, -EINVAL, parse->place, balancer, "ingress",
					 "ingress must be a list of mappings");
		r = field_string(parse->place, item, "ip", &ip, parse->err);
		if (r > 0 && *ip)
			r = add_address(parse, item, "ip", ip, &service->load_balancer);
		if (r < 0)
			return r;
	}
	return 0;
}

static int take_annotations(const struct parse *parse, const json_t *metadata,
			    struct service *service)
{
	json_t *annotations = NULL;
	int r = field_get(parse->place, metadata, "annotations", FIELD_OBJECT, &annotations,
			  parse->err);

	if (r > 0)
		r = copy_string(parse, annotations, MANIFEST_PREFERRED_NODE,
				&service->preferred_node);
	return r;
}

static int add_service(const struct parse *parse, const json_t *object)
{
	_cleanup_(service_clear) struct service service = {};
	struct manifest *manifest = parse->manifest;
	json_t *metadata = NULL, *spec = NULL;
	struct service *services;
	int r = take_metadata(parse, object, &metadata, &service.name);

	if (!r)
		r = copy_string(parse, metadata, "namespace", &service.namespace);
	if (!r) {
		service.namespace = strdup(DEFAULT_NAMESPACE);
		r = service.namespace ? 0 : err_nomem(parse->err);
	}
	if (r >= 0)
		r = copy_string(parse, metadata, "uid", &service.uid);
	if (r >= 0)
		r = labels_parse(parse->place, metadata, "labels", &service.labels, parse->err);
	if (r >= 0)
		r = labels_set(&service.labels, LABEL_NAMESPACE, service.namespace, parse->err);
	if (r >= 0)
		r = labels_set(&service.labels, LABEL_NAME, service.name, parse->err);
	if (r >= 0)
		r = take_annotations(parse, metadata, &service);
	if (r >= 0)
		r = field_get(parse->place, object, "spec", FIELD_OBJECT, &spec, parse->err);
	if (r >= 0)
		r = copy_string(parse, spec, "loadBalancerClass", &service.class);
	if (r >= 0)
		r = take_external(parse, spec, &service);
	if (r >= 0)
		r = take_ingress(parse, object, &service);
	if (r >= 0)
		r = claim_parse(parse->place, object, service.namespace, service.name,
				&service.labels, parse->note, parse->data, &service.claim,
				parse->err);
	if (r < 0)
		return r;
	services = room(manifest->services, manifest->service_count, sizeof(*services));
	if (!services)
		return err_nomem(parse->err);
	manifest->services = services;
	services[manifest->service_count++] = service;
	service = (struct service){};
	return 0;
}

static int add_node(const struct parse *parse, const json_t *object)
{
	_cleanup_(node_clear) struct node node = {};
	struct manifest *manifest = parse->manifest;
	json_t *metadata = NULL;
	struct node *nodes;
	int r = take_metadata(parse, object, &metadata, &node.name);

	if (!r)
		r = labels_parse(parse->place, metadata, "labels", &node.labels, parse->err);
	if (r < 0)
		return r;
	nodes = room(manifest->nodes, manifest->node_count, sizeof(*nodes));
	if (!nodes)
		return err_nomem(parse->err);
	manifest->nodes = nodes;
	nodes[manifest->node_count++] = node;
	node = (struct node){};
	return 0;
}

static int take_interfaces(const struct parse *parse, const json_t *spec, struct policy *policy)
{
	json_t *array = NULL, *item;
	struct err said;
	size_t i;
	int r = field_get(parse->place, spec, "interfaces", FIELD_ARRAY, &array, parse->err);

	if (r > 0)
		r = field_strings(parse->place, spec, "interfaces", array, parse->err);
	if (r < 0)
		return r;
	json_array_foreach(array, i, item)
	{
		r = pattern_list_add(&policy->interfaces, json_string_value(item), &said);
		if (r < 0)
			return place_err(parse->err, r, parse->place, spec, "interfaces",
					 "interfaces: %s", said.text);
	}
	return 0;
}

static int take_conflict(const struct parse *parse, const json_t *metadata, struct policy *policy)
{
	json_t *annotations = NULL;
	const char *text = NULL;
	int r = field_get(parse->place, metadata, "annotations", FIELD_OBJECT, &annotations,
			  parse->err);

	if (r > 0)
		r = field_string(parse->place, annotations, MANIFEST_CONFLICT, &text, parse->err);
	if (r <= 0)
		return r;
	for (enum conflict_answer answer = CONFLICT_DEFEND; answer < CONFLICT_ANSWER_COUNT;
	     answer++)
		if (!strcmp(text, conflict_answer_names[answer])) {
			policy->conflict = answer;
			return 0;
		}
	return place_err(parse->err, -EINVAL, parse->place, annotations, MANIFEST_CONFLICT,
			 MANIFEST_CONFLICT " takes one of defend, yield");
}

static int add_policy(const struct parse *parse, const json_t *object)
{
	/* a misspelt selector would select everything */
	static const char *const known[] = { "serviceSelector", "nodeSelector",	   "interfaces",
					     "externalIPs",	"loadBalancerIPs", NULL };
	_cleanup_(policy_clear) struct policy policy = {};
	struct manifest *manifest = parse->manifest;
	json_t *metadata = NULL, *spec = NULL;
	const struct place *place = parse->place;
	struct policy *policies;
	struct err *err = parse->err;
	int r = take_metadata(parse, object, &metadata, &policy.name);

	if (!r)
		r = take_conflict(parse, metadata, &policy);
	if (r >= 0)
		r = field_get(place, object, "spec", FIELD_OBJECT, &spec, err);
	if (r > 0)
		r = field_known(place, spec, "a policy's spec", known, err);
	if (r >= 0)
		r = selector_parse(place, spec, "serviceSelector", &policy.services, err);
	if (r >= 0)
		r = selector_parse(place, spec, "nodeSelector", &policy.nodes, err);
	if (r >= 0)
		r = take_interfaces(parse, spec, &policy);
	if (r >= 0)
		r = field_boolean(place, spec, "externalIPs", &policy.external_ips, err);
	if (r >= 0)
		r = field_boolean(place, spec, "loadBalancerIPs", &policy.load_balancer_ips, err);
	if (r < 0)
		return r;
	policies = room(manifest->policies, manifest->policy_count, sizeof(*policies));
	if (!policies)
		return err_nomem(err);
	manifest->policies = policies;
	policies[manifest->policy_count++] = policy;
	policy = (struct policy){};
	return 0;
}

static int add_pool(const struct parse *parse, const json_t *object)
{
	_cleanup_free_ char *name = NULL;
	struct manifest *manifest = parse->manifest;
	json_t *metadata = NULL;
	struct pool **pools;
	struct pool *pool;
	int r = take_metadata(parse, object, &metadata, &name);

	if (!r)
		r = pool_parse(parse->place, object, name, &pool, parse->err);
	if (r < 0)
		return r;
	pools = room(manifest->pools, manifest->pool_count, sizeof(void *));
	if (!pools) {
		pool_unref(pool);
		return err_nomem(parse->err);
	}
	manifest->pools = pools;
	pools[manifest->pool_count++] = pool;
	return 0;
}

static int add_list(const struct parse *parse, const json_t *object)
{
	json_t *items = NULL, *item;
	size_t i;
	int r = field_get(parse->place, object, "items", FIELD_ARRAY, &items, parse->err);

	json_array_foreach(items, i, item)
	{
		r = manifest_add(parse->manifest, parse->place, item, parse->note, parse->data,
				 parse->err);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : 0;
}

/* Kinds, with the API that they are of: others have a Service too. */
static const struct {
	const char *api;
	const char *kind;
	int (*add)(const struct parse *parse, const json_t *object);
} kinds[] = {
	{ "v1", "Service", add_service },
	{ "v1", "Node", add_node },
	{ "v1", "List", add_list },
	{ "cilium.io/v2alpha1", "CiliumL2AnnouncementPolicy", add_policy },
	{ "cilium.io/v2alpha1", "CiliumLoadBalancerIPPool", add_pool },
};

int manifest_add(struct manifest *manifest, const struct place *place, const json_t *object,
		 manifest_note_fn *note, void *data, struct err *err)
{
	const struct parse parse = { manifest, place, note, data, err };
	const char *api = NULL, *kind = NULL;
	struct err skipped;
	int r;

	if (!json_is_object(object))
		return place_err(err, -EINVAL, place, NULL, NULL, "not a Kubernetes object");
	r = field_string(place, object, "apiVersion", &api, err);
	if (r >= 0)
		r = field_string(place, object, "kind", &kind, err);
	if (r < 0)
		return r;
	if (!api || !kind)
		return place_err(err, -EINVAL, place, object, api ? "apiVersion" : "kind",
				 "%s is missing", api ? "kind" : "apiVersion");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].api, api) && !strcmp(kinds[i].kind, kind))
			return kinds[i].add(&parse, object);
	err_write(&skipped, "skipped %s %s, which isn't used here", api, kind);
	note_skipped(&parse, object, "kind", skipped.text);
	return 0;
}
