// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files of manifests: what is wrong is refused with its place, and what is right is the same from
 * an API server, as JSON. What comes of it is used: selectors, patterns, pools, shared addresses.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "fail.h"
#include "json.h"
#include "manifest.h"

#define NAME "f.yaml"

static void on_note(const char *text, void *data)
{
	if (!*text)
		fail("a note", "without a word");
}

static void match_patterns(struct pattern_list *patterns)
{
	static const char *const names[] = { "eth0", "bond0.100", "", "aaaaaaaaaaaaaaaa" };
	uint32_t steps = PATTERN_TURN_STEPS, before;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		before = steps;
		pattern_list_matches(patterns, names[i], &steps);
		if (steps > before)
			fail("steps", "that are gained");
	}
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static void check_services(const struct manifest *manifest)
{
	for (size_t i = 0; i < manifest->service_count; i++) {
		const struct service *service = manifest->services[i];

		for (size_t j = 0; j < manifest->policy_count; j++)
			selector_matches(&manifest->policies[j].services, &service->labels);
		for (size_t j = 0; j < manifest->pool_count; j++)
			selector_matches(&manifest->pools[j]->services, &service->labels);
		for (size_t j = 0; j < i; j++)
			if (!service_sharing_conflict(service, manifest->services[j]) !=
			    !service_sharing_conflict(manifest->services[j], service))
				fail("sharing", "isn't mutual");
	}
}

static void check_pools(const struct manifest *manifest)
{
	const struct pool_block *one, *other;

	for (size_t i = 0; i < manifest->pool_count; i++) {
		const struct pool *pool = manifest->pools[i];

		for (size_t j = 0; j < pool->count; j++)
			if (address_compare(&pool->blocks[j].range.first,
					    &pool->blocks[j].range.last) > 0)
				fail("a block", "that ends before it begins");
		for (size_t j = 0; j <= i; j++)
			pool_overlaps(pool, manifest->pools[j], &one, &other);
		pool_size(pool);
	}
}

static void use(const struct manifest *manifest)
{
	check_services(manifest);
	check_pools(manifest);
	for (size_t i = 0; i < manifest->policy_count; i++)
		match_patterns(&manifest->policies[i].interfaces);
	for (size_t i = 0; i < manifest->node_count; i++)
		node_exclusion(&manifest->nodes[i], false);
}

static bool equal(const struct manifest *a, const struct manifest *b)
{
	if (a->service_count != b->service_count || a->node_count != b->node_count ||
	    a->policy_count != b->policy_count || a->pool_count != b->pool_count ||
	    a->slice_count != b->slice_count)
		return false;
	for (size_t i = 0; i < a->service_count; i++)
		if (service_compare_names(a->services[i], b->services[i]) ||
		    !same(a->services[i]->class, b->services[i]->class))
			return false;
	for (size_t i = 0; i < a->slice_count; i++)
		if (endpoint_slice_compare(&a->slices[i], &b->slices[i]) ||
		    a->slices[i].facts != b->slices[i].facts ||
		    a->slices[i].family != b->slices[i].family)
			return false;
	return true;
}

/* As the API server would send it. */
static void check_json(const struct yaml_document *document, int result,
		       const struct manifest *manifest)
{
	static const struct place server = { "server", NULL };
	struct manifest other = { .node = "n1" };
	char *text = json_dumps(document->root, JSON_ENCODE_ANY);
	struct err err = {};
	json_t *json;

	if (!text)
		fail("YAML", "that is no JSON");
	json = json_parse(text, strlen(text), &err);
	if (json_is_object(document->root) || json_is_array(document->root)) {
		if (!json || !json_equal(json, document->root))
			fail("other JSON when read back", text);
		if (manifest_add(&other, &server, json, on_note, NULL, &err) != result ||
		    (!result && !equal(&other, manifest)))
			fail("otherwise from a server", text);
	}
	manifest_free(&other);
	json_decref(json);
	free(text);
}

static int take(const struct yaml_document *document, void *data, struct err *err)
{
	const struct place place = { NAME, document };
	struct manifest manifest = { .node = "n1" };
	int r = manifest_add(&manifest, &place, document->root, on_note, NULL, err);

	if (!r)
		use(&manifest);
	check_json(document, r, &manifest);
	manifest_free(&manifest);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = {};

	if (yaml_parse(NAME, (const char *)data, size, take, NULL, &err) < 0 &&
	    strncmp(err.text, NAME ":", strlen(NAME ":")) != 0)
		fail("refused without a place", err.text);
	return 0;
}
