/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Node objects: this node's is always followed. The other nodes' are followed only if their
 * addresses are needed. */
#ifndef XDP_L2RESPD_CLUSTER_NODES_H
#define XDP_L2RESPD_CLUSTER_NODES_H

#include "kube.h"

/* Makes @watch, which follows one Node, follow all. */
void cluster_nodes_widen(struct kube_watch *watch);

/* The path of the Node @name alone. */
char *cluster_nodes_path(const char *name);

/* A hash of the fields of @object that we use, since kubelets write its status every few minutes.
 * 0: @object is this @node's, of which all fields matter. */
uint64_t cluster_nodes_hash(const json_t *object, const char *node);

#endif
