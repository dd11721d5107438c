// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "endpoint_slice.h"
#include "metadata.h"
#include "name.h"

#define DEFAULT_NAMESPACE "default"

void endpoint_slice_clear(struct endpoint_slice *slice)
{
	free(slice->namespace);
	free(slice->name);
	free(slice->service);
	*slice = (struct endpoint_slice){};
}

int endpoint_slice_compare(const struct endpoint_slice *a, const struct endpoint_slice *b)
{
	int order = strcmp(a->namespace, b->namespace);

	return order ? order : strcmp(a->name, b->name);
}

/* May traffic be sent to an endpoint with these conditions? Absent conditions have the API's
 * defaults: ready is true, serving is as ready, terminating is false. */
static int parse_ready(const struct place *place, const json_t *conditions, bool *ret_ready,
		       struct err *err)
{
	bool ready = true, serving, terminating = false;
	int r = field_boolean(place, conditions, "ready", &ready, err);

	serving = ready;
	if (r >= 0)
		r = field_boolean(place, conditions, "serving", &serving, err);
	if (r >= 0)
		r = field_boolean(place, conditions, "terminating", &terminating, err);
	*ret_ready = ready && serving && !terminating;
	return r;
}

static int parse_endpoint(const struct place *place, const json_t *endpoint, const char *node,
			  unsigned int *facts, struct err *err)
{
	json_t *conditions = NULL;
	const char *its = "";
	bool ready;
	int r = field_get(place, endpoint, "conditions", FIELD_OBJECT, &conditions, err);

	if (r >= 0)
		r = parse_ready(place, conditions, &ready, err);
	if (r >= 0)
		r = field_string(place, endpoint, "nodeName", &its, err);
	if (r < 0)
		return r;
	if (!*its)
		*facts |= ENDPOINT_NAMELESS;
	else if (node && !strcmp(its, node))
		*facts |= ENDPOINT_HERE | (ready ? ENDPOINT_READY_HERE : 0);
	else
		*facts |= ENDPOINT_ELSEWHERE | (ready ? ENDPOINT_READY_ELSEWHERE : 0);
	return 0;
}

static int parse_endpoints(const struct place *place, const json_t *object, const char *node,
			   struct endpoint_slice *slice, struct err *err)
{
	json_t *endpoints = NULL, *endpoint;
	size_t i;
	int r = field_objects(place, object, "endpoints", &endpoints, err);

	json_array_foreach(endpoints, i, endpoint)
	{
		r = parse_endpoint(place, endpoint, node, &slice->facts, err);
		if (r < 0)
			return r;
	}
	return r;
}

static int parse_family(const struct place *place, const json_t *object,
			enum endpoint_family *ret_family, struct err *err)
{
	const char *type = "";
	int r = field_string(place, object, "addressType", &type, err);

	if (!strcmp(type, "IPv4"))
		*ret_family = ENDPOINT_V4;
	else if (!strcmp(type, "IPv6"))
		*ret_family = ENDPOINT_V6;
	else
		*ret_family = ENDPOINT_ANY;
	return r;
}

int endpoint_slice_parse(const struct place *place, const json_t *object, const char *node,
			 struct endpoint_slice *ret_slice, struct err *err)
{
	json_t *metadata = NULL, *labels = NULL;
	struct endpoint_slice slice = {};
	int r = metadata_parse(place, object, &metadata, &slice.name, name_is_subdomain, err);

	if (r >= 0)
		r = field_copy_string(place, metadata, "namespace", &slice.namespace, err);
	if (r == 0)
		slice.namespace = xstrdup(DEFAULT_NAMESPACE);
	if (r >= 0)
		r = field_get(place, metadata, "labels", FIELD_OBJECT, &labels, err);
	if (r >= 0)
		r = field_copy_string(place, labels, ENDPOINT_SLICE_SERVICE, &slice.service, err);
	if (r >= 0)
		r = parse_family(place, object, &slice.family, err);
	if (r >= 0)
		r = parse_endpoints(place, object, node, &slice, err);
	if (r < 0) {
		endpoint_slice_clear(&slice);
		return r;
	}
	*ret_slice = slice;
	return 0;
}
