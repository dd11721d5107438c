// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "alloc.h"
#include "cleanup.h"
#include "cluster_nodes.h"
#include "json.h"

#define ALL "/api/v1/nodes"

void cluster_nodes_widen(struct kube_watch *watch)
{
	kube_watch_move(watch, ALL);
	kube_watch_restart(watch, true);
}

char *cluster_nodes_path(const char *name)
{
	return xasprintf(ALL "?fieldSelector=metadata.name%%3D%s", name);
}

uint64_t cluster_nodes_hash(const json_t *object, const char *node)
{
	const json_t *metadata = json_object_get(object, "metadata");
	const json_t *status = json_object_get(object, "status");

	if (!strcmp(json_string_value(json_object_get(metadata, "name")), node))
		return 0;
	return json_hash(json_object_get(status, "addresses"));
}

const char *cluster_nodes_stand_in(struct source_items *items, const char *name, bool counts)
{
	struct source_item *item = source_items_find_object(items, SOURCE_ITEM_NODES, NULL, name);
	const struct node *former = item && item->manifest.node_count ? item->manifest.nodes : NULL;
	bool stood_in = former && former->labels.partial, was_deleted = former && former->deleted;
	bool deleted = counts && item && (!stood_in || was_deleted);
	struct node *node = xcalloc(1, sizeof(*node));
	struct manifest manifest = { .nodes = node, .node_count = 1, .node_capacity = 1 };

	node->name = xstrdup(name);
	labels_set(&node->labels, "kubernetes.io/hostname", name);
	node->labels.partial = true;
	node->deleted = deleted;
	item = source_items_get_object(items, SOURCE_ITEM_NODES, NULL, name);
	item->present = true;
	item->broken = false;
	item->version = 0;
	source_item_set(items, item, &manifest);
	if (stood_in && was_deleted == deleted)
		return NULL;
	return deleted ? "was deleted; this node announces nothing until there is one again"
		       : "there is none; nodeSelectors are compared with kubernetes.io/hostname "
			 "alone, and no other label counts as absent";
}
