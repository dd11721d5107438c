/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Node objects: this node's is followed always; the others', which matter for their addresses
 * alone, only where they must be known. */
#ifndef XDP_L2RESPD_KUBE_NODES_H
#define XDP_L2RESPD_KUBE_NODES_H

#include "kube.h"

/* Moves @watch from one Node to the others as well. */
void kube_nodes_widen(struct kube_watch *watch);

/* The path of the Node @name alone. */
char *kube_nodes_path(const char *name);

/* A hash of what matters of @object, whose status each kubelet writes every few minutes. 0: all
 * does, since it is @node, this one. */
uint64_t kube_nodes_rest(const json_t *object, const char *node);

#endif
