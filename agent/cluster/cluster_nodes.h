/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Node objects: this node's is always followed. The other nodes' are followed only if their
 * addresses are needed. */
#ifndef XDP_L2RESPD_CLUSTER_NODES_H
#define XDP_L2RESPD_CLUSTER_NODES_H

#include "kube.h"
#include "source_items.h"

/* Makes @watch, which follows one Node, follow all. */
void cluster_nodes_widen(struct kube_watch *watch);

/* The path of the Node @name alone. */
char *cluster_nodes_path(const char *name);

/* A hash of the fields of @object that we use, since kubelets write its status every few minutes.
 * 0: @object is this @node's, of which all fields matter. */
uint64_t cluster_nodes_hash(const json_t *object, const char *node);

/* Puts a stand-in into @items for this node's object @name, which isn't there: its other labels
 * aren't known, and if it was there before and @counts, it was deleted. Call it before the item
 * would be removed. Returns what is to be logged after its name; NULL: it
 * was so already. */
const char *cluster_nodes_stand_in(struct source_items *items, const char *name, bool counts);

#endif
