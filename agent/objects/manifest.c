// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "cleanup.h"
#include "foreign.h"
#include "manifest.h"
#include "metadata.h"
#include "name.h"
#include "spelling.h"

/* Context for parsing an object. */
struct parse {
	struct manifest *manifest;
	const struct place *place;
	object_note_fn *note;
	void *data;
	struct err *err;
};

static void policy_clear(struct policy *policy)
{
	selector_free(&policy->services);
	selector_free(&policy->nodes);
	pattern_list_free(&policy->interfaces);
	announce_options_free(&policy->announce);
	free(policy->name);
	*policy = (struct policy){};
}

void manifest_free(struct manifest *manifest)
{
	for (size_t i = 0; i < manifest->service_count; i++)
		service_unref(manifest->services[i]);
	for (size_t i = 0; i < manifest->node_count; i++)
		node_clear(&manifest->nodes[i]);
	for (size_t i = 0; i < manifest->policy_count; i++)
		policy_clear(&manifest->policies[i]);
	for (size_t i = 0; i < manifest->pool_count; i++)
		pool_unref(manifest->pools[i]);
	for (size_t i = 0; i < manifest->slice_count; i++)
		endpoint_slice_clear(&manifest->slices[i]);
	free(manifest->services);
	free(manifest->nodes);
	free(manifest->policies);
	free(manifest->pools);
	free(manifest->slices);
	*manifest = (struct manifest){};
}

static int add_service(const struct parse *parse, const json_t *object)
{
	struct manifest *manifest = parse->manifest;
	struct service *service;
	int r = service_parse(parse->place, object, parse->note, parse->data, &service, parse->err);

	if (r < 0)
		return r;
	ALLOC_GROW(manifest->services, manifest->service_count, manifest->service_capacity);
	manifest->services[manifest->service_count++] = service;
	return 0;
}

static int add_node(const struct parse *parse, const json_t *object)
{
	struct manifest *manifest = parse->manifest;
	struct node node;
	int r = node_parse(parse->place, object, &node, parse->err);

	if (r < 0)
		return r;
	ALLOC_GROW(manifest->nodes, manifest->node_count, manifest->node_capacity);
	manifest->nodes[manifest->node_count++] = node;
	return 0;
}

static int add_slice(const struct parse *parse, const json_t *object)
{
	struct manifest *manifest = parse->manifest;
	struct endpoint_slice slice;
	int r = endpoint_slice_parse(parse->place, object, manifest->node, &slice, parse->err);

	if (r < 0)
		return r;
	ALLOC_GROW(manifest->slices, manifest->slice_count, manifest->slice_capacity);
	manifest->slices[manifest->slice_count++] = slice;
	return 0;
}

static int parse_interfaces(const struct parse *parse, const json_t *spec, struct policy *policy)
{
	json_t *array = NULL, *item;
	struct err why;
	size_t i;
	int r = field_strings(parse->place, spec, "interfaces", &array, parse->err);

	if (r < 0)
		return r;
	json_array_foreach(array, i, item)
	{
		r = pattern_list_add(&policy->interfaces, json_string_value(item), &why);
		if (r < 0)
			return place_err(parse->err, r, parse->place, spec, "interfaces",
					 "interfaces: %s", why.text);
	}
	return 0;
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
	struct err *err = parse->err;
	int r = metadata_parse(place, object, &metadata, &policy.name, name_is_subdomain, err);

	if (!r)
		r = announce_options_parse(place, metadata, parse->note, parse->data,
					   &policy.announce, err);
	if (r >= 0)
		r = field_get(place, object, "spec", FIELD_OBJECT, &spec, err);
	if (r > 0)
		r = field_known(place, spec, "a policy's spec", known, err);
	if (r >= 0)
		r = selector_parse(place, spec, "serviceSelector", &policy.services, err);
	if (r >= 0)
		r = selector_parse(place, spec, "nodeSelector", &policy.nodes, err);
	if (r >= 0)
		r = parse_interfaces(parse, spec, &policy);
	if (r >= 0)
		r = field_boolean(place, spec, "externalIPs", &policy.external_ips, err);
	if (r >= 0)
		r = field_boolean(place, spec, "loadBalancerIPs", &policy.load_balancer_ips, err);
	if (r < 0)
		return r;
	ALLOC_GROW(manifest->policies, manifest->policy_count, manifest->policy_capacity);
	manifest->policies[manifest->policy_count++] = policy;
	policy = (struct policy){};
	return 0;
}

static int add_pool(const struct parse *parse, const json_t *object)
{
	_cleanup_free_ char *name = NULL;
	struct manifest *manifest = parse->manifest;
	json_t *metadata = NULL;
	struct pool *pool;
	int r = metadata_parse(parse->place, object, &metadata, &name, name_is_subdomain,
			       parse->err);

	if (!r)
		r = pool_parse(parse->place, object, name, &pool, parse->err);
	if (r < 0)
		return r;
	ALLOC_GROW(manifest->pools, manifest->pool_count, manifest->pool_capacity);
	manifest->pools[manifest->pool_count++] = pool;
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

#define PAGE "xdp-l2respd(8)"

/* The kinds, with their API, since other APIs also have a Service, and the page that describes
 * them.
 */
static const struct {
	const char *api;
	const char *kind;
	const char *page;
	int (*add)(const struct parse *parse, const json_t *object);
} kinds[] = {
	{ "v1", "Service", PAGE, add_service },
	{ "v1", "Node", PAGE, add_node },
	{ "v1", "List", PAGE, add_list },
	{ "discovery.k8s.io/v1", "EndpointSlice", PAGE, add_slice },
	{ "cilium.io/v2alpha1", "CiliumL2AnnouncementPolicy", PAGE, add_policy },
	{ "cilium.io/v2", "CiliumLoadBalancerIPPool", "docs/pools.md", add_pool },
	{ "cilium.io/v2alpha1", "CiliumLoadBalancerIPPool", "docs/pools.md", add_pool },
};

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

/* -EINVAL with @err: @api and @kind are probably a misspelling of one of our kinds. If it were
 * ignored as unknown, a typing error would withdraw a policy. */
static int refuse_misspelt(const struct parse *parse, const json_t *object, const char *api,
			   const char *kind)
{
	for (size_t i = 0; i < KIND_COUNT; i++)
		if (spelling_similar(kind, kinds[i].kind) &&
		    (strchr(kinds[i].api, '/') || spelling_similar(api, kinds[i].api)))
			return place_err(parse->err, -EINVAL, parse->place, object, "kind",
					 "no kind %s %s; there is %s %s, see %s", api, kind,
					 kinds[i].api, kinds[i].kind, kinds[i].page);
	return 0;
}

/* Notes an object of a kind that isn't used here. */
static void note_unused(const struct parse *parse, const json_t *object, const char *api,
			const char *kind)
{
	struct err text, line;

	err_write(&text, "skipped %s %s, %s", api, kind,
		  foreign_kind(api, kind) ?: "which isn't used here");
	place_err_write(&line, parse->place, object, "kind", text.text);
	parse->note(line.text, parse->data);
}

int manifest_add(struct manifest *manifest, const struct place *place, const json_t *object,
		 object_note_fn *note, void *data, struct err *err)
{
	const struct parse parse = { manifest, place, note, data, err };
	const char *api = NULL, *kind = NULL;
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
	for (size_t i = 0; i < KIND_COUNT; i++)
		if (!strcmp(kinds[i].api, api) && !strcmp(kinds[i].kind, kind))
			return kinds[i].add(&parse, object);
	r = refuse_misspelt(&parse, object, api, kind);
	if (r < 0)
		return r;
	note_unused(&parse, object, api, kind);
	return 0;
}

json_t *manifest_items(const json_t *object)
{
	const char *api = json_string_value(json_object_get(object, "apiVersion"));
	const char *kind = json_string_value(json_object_get(object, "kind"));
	json_t *items = json_object_get(object, "items");

	return api && !strcmp(api, "v1") && kind && !strcmp(kind, "List") && json_is_array(items)
		       ? items
		       : NULL;
}
