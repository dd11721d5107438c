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

/* Whatever its value is, as Kubernetes has it. */
#define NODE_LABEL_EXCLUDE "node.kubernetes.io/exclude-from-external-load-balancers"

/* Why a node may announce nothing. One that is NotReady or cordoned may. */
enum node_exclusion {
	NODE_NOT_EXCLUDED,
	NODE_OUT_OF_SERVICE,	  /* taint: an administrator says that it is down */
	NODE_NETWORK_UNAVAILABLE, /* condition */
	NODE_LABELLED,		  /* NODE_LABEL_EXCLUDE */
};

struct node {
	char *name;
	struct labels labels;
	struct address_list addresses; /* of its status, but names; ascending, each once */
	bool network_unavailable, out_of_service;
};

/* The Node @object. -EINVAL with @err for a field that no API server would accept. */
int node_parse(const struct place *place, const json_t *object, struct node *ret_node,
	       struct err *err);
void node_clear(struct node *node);

/* @node may be NULL. @ignore_label: NODE_LABEL_EXCLUDE means nothing. */
enum node_exclusion node_exclusion(const struct node *node, bool ignore_label);

/* What the node does that is excluded so: "carries the label ...". NULL: it isn't. */
const char *node_exclusion_text(enum node_exclusion exclusion);

#endif
