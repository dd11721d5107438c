/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a Service's external traffic policy lets this node announce it. */
#ifndef XDP_L2RESPD_LOCALITY_H
#define XDP_L2RESPD_LOCALITY_H

#include <stdbool.h>
#include <stddef.h>

#include "manifest.h"
#include "reason.h"

/* In the order in which one goes before another where Services share an address: one of them that
 * has an endpoint here is enough, and those that may be announced anywhere don't count. */
enum locality {
	LOCALITY_CLUSTER,
	/* Local, but treated as Cluster: nothing says where its endpoints are */
	LOCALITY_NO_SELECTOR,
	LOCALITY_NO_SLICE,
	LOCALITY_NAMELESS,
	/* Local */
	LOCALITY_UNKNOWN,   /* its EndpointSlices aren't read yet */
	LOCALITY_NOWHERE,   /* no node has a ready endpoint */
	LOCALITY_ELSEWHERE, /* other nodes have */
	LOCALITY_HERE,
};

/* Of a Service with Local: why it is treated as Cluster. NULL: it isn't. */
const char *locality_as_cluster(enum locality locality);

/* Why this node may not announce it; REASON_NONE: it may. */
enum reason locality_forbids(enum locality locality);

/* Where its endpoints are, of REASON_NO_LOCAL_ENDPOINT. */
const char *locality_detail(enum locality locality);

/* The EndpointSlices of manifests, by Service. */
struct slice_index {
	const struct endpoint_slice **list;
	size_t count;
};

/* A later of two slices with one name stands for both. The result points into @manifests; it is
 * empty where no Service has the policy Local. */
void slice_index_make(const struct manifest *const *manifests, size_t count,
		      struct slice_index *ret_index);
void slice_index_free(struct slice_index *index);

enum locality locality_of(const struct slice_index *index, const struct service *service);

#endif
