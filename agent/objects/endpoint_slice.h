/* SPDX-License-Identifier: GPL-2.0-or-later */
/* discovery.k8s.io/v1 EndpointSlice: where a Service has endpoints, seen from one node. The
 * endpoints themselves aren't kept: there may be 50,000. */
#ifndef XDP_L2RESPD_ENDPOINT_SLICE_H
#define XDP_L2RESPD_ENDPOINT_SLICE_H

#include <stdbool.h>
#include <jansson.h>

#include "err.h"
#include "field.h"

/* Label of a slice: the Service, of its namespace, that it belongs to. */
#define ENDPOINT_SLICE_SERVICE "kubernetes.io/service-name"

/* Which endpoints a slice has, one bit a kind. */
enum endpoint_fact {
	ENDPOINT_READY_HERE = 1 << 0,	   /* traffic may be sent to it */
	ENDPOINT_READY_ELSEWHERE = 1 << 1, /* its node is another */
	ENDPOINT_HERE = 1 << 2,		   /* ready or not */
	ENDPOINT_ELSEWHERE = 1 << 3,
	ENDPOINT_NAMELESS = 1 << 4, /* names no node */
	ENDPOINT_UNKNOWN = 1 << 5,  /* the slices of the Service aren't read yet */
};

struct endpoint_slice {
	char *namespace;
	char *name;
	char *service; /* NULL: it belongs to none */
	unsigned int facts;
	bool present; /* for who keeps the slices of a server: seen in this list */
};

/* The EndpointSlice @object; @node is "here". -EINVAL with @err for a field that no
 * API server would accept. */
int endpoint_slice_parse(const struct place *place, const json_t *object, const char *node,
			 struct endpoint_slice *ret_slice, struct err *err);
void endpoint_slice_clear(struct endpoint_slice *slice);

/* By namespace and name. */
int endpoint_slice_compare(const struct endpoint_slice *a, const struct endpoint_slice *b);

#endif
