// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "condition.h"
#include "metadata.h"
#include "name.h"
#include "node.h"

#define TAINT_OUT_OF_SERVICE	      "node.kubernetes.io/out-of-service"
#define CONDITION_NETWORK_UNAVAILABLE "NetworkUnavailable"

void node_clear(struct node *node)
{
	labels_free(&node->labels);
	address_list_free(&node->addresses);
	free(node->name);
	*node = (struct node){};
}

/* The effect doesn't matter: Kubernetes, too, checks only the key. */
static int parse_taints(const struct place *place, const json_t *object, struct node *node,
			struct err *err)
{
	json_t *spec = NULL, *taints = NULL, *taint;
	size_t i;
	int r = field_get(place, object, "spec", FIELD_OBJECT, &spec, err);

	if (r > 0)
		r = field_objects(place, spec, "taints", &taints, err);
	json_array_foreach(taints, i, taint)
	{
		const char *key = "";

		r = field_string(place, taint, "key", &key, err);
		if (r < 0)
			return r;
		node->out_of_service |= !strcmp(key, TAINT_OUT_OF_SERVICE);
	}
	return r;
}

static int parse_conditions(const struct place *place, const json_t *object, struct node *node,
			    struct err *err)
{
	json_t *status = NULL, *conditions = NULL;
	const char *state = "";
	int r = field_get(place, object, "status", FIELD_OBJECT, &status, err);

	if (r > 0)
		r = field_objects(place, status, "conditions", &conditions, err);
	if (r > 0)
		r = field_string(place, condition_find(status, CONDITION_NETWORK_UNAVAILABLE),
				 "status", &state, err);
	node->network_unavailable = !strcmp(state, "True");
	return r;
}

static int parse_addresses(const struct place *place, const json_t *object, struct node *node,
			   struct err *err)
{
	json_t *status = NULL, *addresses = NULL, *one;
	size_t i;
	int r = field_get(place, object, "status", FIELD_OBJECT, &status, err);

	if (r > 0)
		r = field_objects(place, status, "addresses", &addresses, err);
	json_array_foreach(addresses, i, one)
	{
		struct address address;
		const char *text = "";

		r = field_string(place, one, "address", &text, err);
		if (r < 0)
			return r;
		if (!address_parse(text, &address))
			address_list_add(&node->addresses, &address);
	}
	address_list_sort_once(&node->addresses);
	return r;
}

int node_parse(const struct place *place, const json_t *object, struct node *ret_node,
	       struct err *err)
{
	struct node node = {};
	json_t *metadata = NULL;
	int r = metadata_parse(place, object, &metadata, &node.name, name_is_subdomain, err);

	if (!r)
		r = labels_parse(place, metadata, "labels", &node.labels, err);
	if (r >= 0)
		r = parse_taints(place, object, &node, err);
	if (r >= 0)
		r = parse_conditions(place, object, &node, err);
	if (r >= 0)
		r = parse_addresses(place, object, &node, err);
	if (r < 0) {
		node_clear(&node);
		return r;
	}
	*ret_node = node;
	return 0;
}

enum node_exclusion node_exclusion(const struct node *node, bool ignore_label)
{
	if (!node)
		return NODE_NOT_EXCLUDED;
	if (node->deleted)
		return NODE_DELETED;
	if (node->out_of_service)
		return NODE_OUT_OF_SERVICE;
	if (node->network_unavailable)
		return NODE_NETWORK_UNAVAILABLE;
	return !ignore_label && labels_get(&node->labels, NODE_LABEL_EXCLUDE) ? NODE_LABELLED
									      : NODE_NOT_EXCLUDED;
}

const char *node_exclusion_text(enum node_exclusion exclusion)
{
	static const char *const texts[] = {
		[NODE_DELETED] = "was deleted",
		[NODE_OUT_OF_SERVICE] = "has the taint " TAINT_OUT_OF_SERVICE,
		[NODE_NETWORK_UNAVAILABLE] = "has the condition " CONDITION_NETWORK_UNAVAILABLE,
		[NODE_LABELLED] = "carries the label " NODE_LABEL_EXCLUDE,
	};

	return texts[exclusion];
}
