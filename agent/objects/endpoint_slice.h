/* SPDX-License-Identifier: GPL-2.0-or-later */
/* discovery.k8s.io/v1 EndpointSlice: whether a Service has endpoints on this node and on others.
 * The endpoints themselves aren't kept: there may be 50,000. */
#ifndef XDP_L2RESPD_ENDPOINT_SLICE_H
#define XDP_L2RESPD_ENDPOINT_SLICE_H

#include <stdbool.h>
#include <jansson.h>

#include "err.h"
#include "field.h"

/* Label of a slice: the name of its Service, in the same namespace. */
#define ENDPOINT_SLICE_SERVICE "kubernetes.io/service-name"

/* The kinds of endpoints that a slice has, one bit each. */
enum endpoint_fact {
	ENDPOINT_READY_HERE = 1 << 0,	   /* traffic may be sent to it */
	ENDPOINT_READY_ELSEWHERE = 1 << 1, /* ready, on another node */
	ENDPOINT_HERE = 1 << 2,		   /* ready or not */
	ENDPOINT_ELSEWHERE = 1 << 3,
	ENDPOINT_NAMELESS = 1 << 4, /* without a node's name */
	ENDPOINT_UNKNOWN = 1 << 5,  /* the Service's slices haven't been read yet */
};

/* Whose addresses a slice has. */
enum endpoint_family {
	ENDPOINT_ANY, /* not said, or names */
	ENDPOINT_V4,
	ENDPOINT_V6,
};

struct endpoint_slice {
	char *namespace;
	char *name;
	char *service; /* NULL: it belongs to none */
	unsigned int facts;
	enum endpoint_family family;
	bool present; /* for cluster_endpoints.c: seen in this list */
};

/* Parses the EndpointSlice @object as seen from @node. -EINVAL with @err: a field is invalid. */
int endpoint_slice_parse(const struct place *place, const json_t *object, const char *node,
			 struct endpoint_slice *ret_slice, struct err *err);
void endpoint_slice_clear(struct endpoint_slice *slice);

/* By namespace and name. */
int endpoint_slice_compare(const struct endpoint_slice *a, const struct endpoint_slice *b);

#endif
