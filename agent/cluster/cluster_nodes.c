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
