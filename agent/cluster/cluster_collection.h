/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state of a cluster, shared by cluster.c and cluster_collection.c. */
#ifndef XDP_L2RESPD_CLUSTER_COLLECTION_H
#define XDP_L2RESPD_CLUSTER_COLLECTION_H

#include "cluster_conditions.h"
#include "cluster_endpoints.h"
#include "cluster_kind.h"
#include "cluster_pools.h"
#include "source_base.h"

enum kind {
	KIND_SERVICE,
	KIND_NODE,
	KIND_POLICY,
	KIND_POOL,
	KIND_COUNT,
};

/* The objects of one kind. */
struct cluster_collection {
	struct cluster *cluster;
	enum kind kind;
	struct cluster_kind state;
	struct kube_watch *watch;
	size_t api;		/* index of the followed one in apis[] */
	size_t denied;		/* consecutive APIs that the server didn't know */
	const char *listed_api; /* API of the last list; NULL: never listed */
	const char *full;     /* why objects in or after the last list didn't fit; NULL: they did */
	const char *left_out; /* the same of the list under way */
	bool again;	      /* that list also removed items: there may be room */
	bool listed_again; /* the list under way, or the next, is for that: no other follows it */
};

struct cluster {
	struct source source; /* the first member */
	struct kube_login login;
	struct cluster_pools *pools;   /* NULL: nothing is written */
	struct cluster_events *events; /* NULL: nothing is written */
	struct cluster_conditions *conditions;
	struct cluster_endpoints *endpoints;
	char *class_name, *node;
	struct service_class class;
	char *options; /* as text, to compare */
	struct cluster_collection collections[KIND_COUNT];
	bool known;		     /* all collections are known; reported */
	bool all_nodes, nodes_known; /* the other nodes' objects are followed; were listed */
	sd_event_source *settle;
};

/* Something changed: that is reported soon. */
void cluster_changed(void *cluster);

/* Adds the state of @collection to @status. */
void cluster_collection_status(const struct cluster_collection *collection,
			       struct source_status *status);

/* Why objects aren't known at all; NULL: they are. */
const char *cluster_collection_full(const struct cluster_collection *collection);

/* Lists all objects again. */
void cluster_collection_list_anew(struct cluster_collection *collection);

/* Asks for what was left out, once there is room for it. */
void cluster_collection_list_again(struct cluster_collection *collection);

/* Makes @collection, whose address must stay, follow the objects of @kind. Errors with @err. */
int cluster_collection_follow(struct cluster_collection *collection, struct cluster *cluster,
			      enum kind kind, struct err *err);

#endif
