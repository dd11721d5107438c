/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The EndpointSlices in a Kubernetes cluster of Services with externalTrafficPolicy Local that a
 * policy selects on this node. Without such a Service, the server isn't asked.
 */
#ifndef XDP_L2RESPD_CLUSTER_ENDPOINTS_H
#define XDP_L2RESPD_CLUSTER_ENDPOINTS_H

#include <stdbool.h>

#include "kube.h"
#include "source_base.h"

struct cluster_endpoints;

/* The slices have become known, or have changed. */
typedef void cluster_endpoints_fn(void *userdata);

/* Follows slices for the Services and policies in @source, and adds the slices to it. Borrows @kube
 * and @source, copies @options. Errors with @err. */
int cluster_endpoints_new(sd_event *event, struct kube *kube, struct source *source,
			  const struct source_options *options, cluster_endpoints_fn *changed,
			  void *userdata, struct cluster_endpoints **ret_endpoints,
			  struct err *err);
/* NULL is fine. */
void cluster_endpoints_free(struct cluster_endpoints *endpoints);

/* Watches the slices that the currently known Services need. Returns whether the server has
 * answered completely once. A Service whose slices aren't known yet has one with ENDPOINT_UNKNOWN.
 */
bool cluster_endpoints_settle(struct cluster_endpoints *endpoints);

/* Adds its faults to @status. */
void cluster_endpoints_status(const struct cluster_endpoints *endpoints,
			      struct source_status *status);

#endif
