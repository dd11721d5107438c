/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The store in Kubernetes: a coordination.k8s.io/v1 Lease object for each record. */
#ifndef XDP_L2RESP_STORE_KUBERNETES_H
#define XDP_L2RESP_STORE_KUBERNETES_H

#include "store.h"

/*
 * Begins to follow the Lease objects of @config's namespace at its server. A request is given up
 * after @timeout_ns. -EINVAL with @err for a node whose name is too long for an object's, and the
 * errors of kube_new().
 */
int store_kubernetes_new(sd_event *event, const struct lease_config *config, uint64_t timeout_ns,
			 const struct store_events *events, void *userdata,
			 struct store **ret_store, struct err *err);

#endif
