/* SPDX-License-Identifier: GPL-2.0-or-later */
/* v1 Node: its labels, and whether it may announce anything. */
#ifndef XDP_L2RESPD_NODE_H
#define XDP_L2RESPD_NODE_H

#include <stdbool.h>
#include <jansson.h>

#include "address_list.h"
#include "err.h"
#include "field.h"
#include "selector.h"

/* Its value doesn't matter, as in Kubernetes. */
#define NODE_LABEL_EXCLUDE "node.kubernetes.io/exclude-from-external-load-balancers"

/* Why a node may announce nothing. A node that is NotReady or cordoned still may. */
enum node_exclusion {
	NODE_NOT_EXCLUDED,
	NODE_DELETED,		  /* its object was, and hasn't come back */
	NODE_OUT_OF_SERVICE,	  /* taint: an administrator has declared it down */
	NODE_NETWORK_UNAVAILABLE, /* condition */
	NODE_LABELLED,		  /* NODE_LABEL_EXCLUDE */
};

struct node {
	char *name;
	struct labels labels;
	struct address_list addresses; /* of its status, without host names; ascending, each once */
	bool network_unavailable, out_of_service;
	bool deleted; /* a stand-in for an object that was there, see cluster_nodes.h */
};

/* Parses the Node @object. -EINVAL with @err: a field is invalid. */
int node_parse(const struct place *place, const json_t *object, struct node *ret_node,
	       struct err *err);
void node_clear(struct node *node);

/* @node may be NULL. @ignore_label: ignore NODE_LABEL_EXCLUDE. */
enum node_exclusion node_exclusion(const struct node *node, bool ignore_label);

/* Text that follows an excluded node's name: "carries the label ...". NULL: it isn't excluded. */
const char *node_exclusion_text(enum node_exclusion exclusion);

#endif
