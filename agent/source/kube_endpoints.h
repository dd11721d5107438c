/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The EndpointSlices of a Kubernetes cluster, as far as Services need them: those with
 * externalTrafficPolicy Local that a policy selects on this node. Where there is none, the server
 * isn't asked.
 */
#ifndef XDP_L2RESPD_KUBE_ENDPOINTS_H
#define XDP_L2RESPD_KUBE_ENDPOINTS_H

#include <stdbool.h>

#include "kube.h"
#include "source_base.h"

struct kube_endpoints;

/* Something is known that wasn't, or is another. */
typedef void kube_endpoints_fn(void *userdata);

/* For the other objects in @source, where the slices are put too. @kube and @source are borrowed,
 * @options is copied. */
int kube_endpoints_new(sd_event *event, struct kube *kube, struct source *source,
		       const struct source_options *options, kube_endpoints_fn *changed,
		       void *userdata, struct kube_endpoints **ret_endpoints, struct err *err);
/* NULL is fine. */
void kube_endpoints_free(struct kube_endpoints *endpoints);

/* Follows what the Services need that are known now. Returns whether there was a complete answer
 * once; a Service whose slices aren't known yet has one with ENDPOINT_UNKNOWN. */
bool kube_endpoints_settle(struct kube_endpoints *endpoints);

/* Fills in what is wrong. */
void kube_endpoints_status(const struct kube_endpoints *endpoints, struct source_status *status);

#endif
