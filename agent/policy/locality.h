/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Does a Service's externalTrafficPolicy let this node announce it? */
#ifndef XDP_L2RESPD_LOCALITY_H
#define XDP_L2RESPD_LOCALITY_H

#include <stdbool.h>
#include <stddef.h>

#include "manifest.h"
#include "reason.h"

/* In ascending precedence, for Services that share an address: one of them with an endpoint here is
 * enough, and those that may be announced anywhere don't count. */
enum locality {
	LOCALITY_CLUSTER,
	/* Local, but treated as Cluster because the nodes of its endpoints aren't known */
	LOCALITY_NO_SELECTOR,
	LOCALITY_NO_SLICE,
	LOCALITY_NAMELESS,
	/* Local */
	LOCALITY_UNKNOWN,   /* its EndpointSlices haven't been read yet */
	LOCALITY_NOWHERE,   /* no node has a ready endpoint */
	LOCALITY_ELSEWHERE, /* only other nodes have ready endpoints */
	LOCALITY_HERE,
};

/* Why a Service with policy Local is treated as Cluster. NULL: it isn't. */
const char *locality_as_cluster(enum locality locality);

/* Why this node may not announce the Service; REASON_NONE: it may. */
enum reason locality_forbids(enum locality locality);

/* For REASON_NO_LOCAL_ENDPOINT: a text that says whether other nodes have endpoints. */
const char *locality_detail(enum locality locality);

/* The EndpointSlices of manifests, by Service. */
struct slice_index {
	const struct endpoint_slice **list;
	size_t count;
};

/* Of slices with the same name, the last counts. The result points into @manifests. It is empty if
 * no Service has the policy Local. */
void slice_index_make(const struct manifest *const *manifests, size_t count,
		      struct slice_index *ret_index);
void slice_index_free(struct slice_index *index);

/* For the Service's IPv4 addresses, or for its IPv6 addresses: kube-proxy forwards an address to
 * endpoints of its family only. A family without slices goes by the Service's other slices. */
enum locality locality_of(const struct slice_index *index, const struct service *service, bool v4);

#endif
