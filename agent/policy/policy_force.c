// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "cleanup.h"
#include "policy_force.h"

void in_force_list_free(struct in_force_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->list[i].ifindexes);
	free(list->list);
}

const struct node *policy_node(const struct manifest *const *manifests, size_t count,
			       const char *name)
{
	const struct node *found = NULL;

	for (size_t m = 0; m < count; m++)
		for (size_t i = 0; i < manifests[m]->node_count; i++)
			if (!strcmp(manifests[m]->nodes[i].name, name))
				found = &manifests[m]->nodes[i];
	return found;
}

static bool link_selected(struct policy *policy, const struct links_row *link, uint32_t *steps)
{
	return link->suitable &&
	       (!policy->interfaces.count ||
		pattern_list_matches(&policy->interfaces, link->link.name, steps));
}

/* Does a later policy have the same name, which replaces this one? */
static bool policy_replaced(const struct manifest *const *manifests, size_t count, size_t m,
			    size_t i)
{
	const char *name = manifests[m]->policies[i].name;

	for (i++; m < count; m++, i = 0)
		for (; i < manifests[m]->policy_count; i++)
			if (!strcmp(manifests[m]->policies[i].name, name))
				return true;
	return false;
}

static void add_in_force(struct policy *policy, bool here, const struct links_table *links,
			 struct in_force_list *list)
{
	struct in_force made = { .policy = policy, .here = here };

	if (here && links)
		made.ifindexes = xcalloc(links->count + 1, sizeof(uint32_t));
	for (size_t i = 0; here && links && i < links->count; i++)
		if (link_selected(policy, &links->rows[i], &list->steps))
			made.ifindexes[made.count++] = links->rows[i].link.ifindex;
	list->list = xreallocarray(list->list, list->count + 1, sizeof(*list->list));
	list->list[list->count++] = made;
}

struct in_force_list in_force_find(const struct manifest *const *manifests, size_t count,
				   const char *node, const struct links_table *links)
{
	_cleanup_(labels_free) struct labels host = {};
	const struct node *object = node ? policy_node(manifests, count, node) : NULL;
	struct in_force_list list = { .steps = PATTERN_TURN_STEPS };

	if (!node)
		links = NULL;
	else
		labels_set(&host, LABEL_HOSTNAME, node);
	for (size_t m = 0; m < count; m++)
		for (size_t i = 0; i < manifests[m]->policy_count; i++) {
			struct policy *policy = &manifests[m]->policies[i];

			if (!policy_replaced(manifests, count, m, i))
				add_in_force(policy,
					     !node || selector_matches(&policy->nodes,
								       object ? &object->labels
									      : &host),
					     links, &list);
		}
	return list;
}

enum reason in_force_reason(const struct in_force *in_force, const struct service *service,
			    bool load_balancer)
{
	const struct policy *policy = in_force->policy;

	if (!selector_matches(&policy->services, &service->labels))
		return REASON_SERVICE_SELECTOR;
	if (load_balancer ? !policy->load_balancer_ips : !policy->external_ips)
		return REASON_ADDRESS_KIND;
	if (!in_force->here)
		return REASON_NODE_SELECTOR;
	return in_force->ifindexes && !in_force->count ? REASON_NO_INTERFACE : REASON_NONE;
}

enum reason in_force_list_reason(const struct in_force_list *in_force,
				 const struct service_class *class, const struct service *service,
				 bool load_balancer)
{
	enum reason furthest = REASON_NO_POLICY;

	if (!service_is_of(service, class))
		return REASON_OTHER_CLASS;
	for (size_t i = 0; i < in_force->count; i++) {
		enum reason reason = in_force_reason(&in_force->list[i], service, load_balancer);

		if (!reason)
			return REASON_NONE;
		if (reason > furthest)
			furthest = reason;
	}
	return furthest;
}

struct ranked {
	const struct service *service;
	size_t place; /* index in the order of the manifests */
};

static int ranked_compare(const void *a, const void *b)
{
	const struct ranked *left = a, *right = b;
	int order = service_compare_names(left->service, right->service);

	if (order)
		return order;
	return left->place < right->place ? -1 : left->place > right->place;
}

/* Sorts @services by name, and drops all but the last of each name. Returns how many remain. */
static size_t rank(const struct service **services, size_t count)
{
	_cleanup_free_ struct ranked *ranked = xcalloc(count, sizeof(*ranked));
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		ranked[i] = (struct ranked){ services[i], i };
	qsort(ranked, count, sizeof(*ranked), ranked_compare);
	for (size_t i = 0; i < count; i++) {
		if (kept && !service_compare_names(services[kept - 1], ranked[i].service))
			kept--;
		services[kept++] = ranked[i].service;
	}
	return kept;
}

const struct service **services_in_force(const struct manifest *const *manifests, size_t count,
					 size_t *ret_count)
{
	const struct service **services;
	size_t capacity = 0, total = 0;
	bool ranked = true;

	for (size_t m = 0; m < count; m++)
		capacity += manifests[m]->service_count;
	services = xcalloc(capacity + 1, sizeof(*services));
	for (size_t m = 0; m < count; m++)
		for (size_t i = 0; i < manifests[m]->service_count; i++) {
			const struct service *service = manifests[m]->services[i];

			ranked = ranked && (!total || service_compare_names(services[total - 1],
									    service) < 0);
			services[total++] = service;
		}
	/* an API server's are in order */
	*ret_count = ranked ? total : rank(services, total);
	return services;
}
