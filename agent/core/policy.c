// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "policy.h"

#define LABEL_HOSTNAME "kubernetes.io/hostname"

/* A policy that holds for this node, and the interfaces that it selects. */
struct in_force {
	const struct policy *policy;
	uint32_t *ifindexes;
	size_t count;
};

struct in_force_list {
	struct in_force *list;
	size_t count;
};

void selection_free(struct selection *selection)
{
	free(selection->list);
	*selection = (struct selection){};
}

static void in_force_list_free(struct in_force_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->list[i].ifindexes);
	free(list->list);
}

static int err_nomem(struct err *err)
{
	return err_set(err, -ENOMEM, "out of memory");
}

/* The node called @name: its last manifest's. Without one, NULL. */
static const struct node *find_node(const struct manifest *const *manifests, size_t count,
				    const char *name)
{
	const struct node *found = NULL;

	for (size_t m = 0; m < count; m++)
		for (size_t i = 0; i < manifests[m]->node_count; i++)
			if (!strcmp(manifests[m]->nodes[i].name, name))
				found = &manifests[m]->nodes[i];
	return found;
}

static bool link_selected(const struct policy *policy, const struct link_row *link)
{
	return link->suitable && (!policy->interfaces.count ||
				  pattern_list_matches(&policy->interfaces, link->link.name));
}

/* Is there another policy of @policy's name behind it, which takes its place? */
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

static int add_in_force(const struct policy *policy, const struct link_table *links,
			struct in_force_list *list, struct err *err)
{
	struct in_force *grown = reallocarray(list->list, list->count + 1, sizeof(*grown));
	struct in_force *made;

	if (!grown)
		return err_nomem(err);
	list->list = grown;
	made = &grown[list->count];
	*made = (struct in_force){ .policy = policy,
				   .ifindexes = calloc(links->count + 1, sizeof(uint32_t)) };
	if (!made->ifindexes)
		return err_nomem(err);
	list->count++;
	for (size_t i = 0; i < links->count; i++)
		if (link_selected(policy, &links->rows[i]))
			made->ifindexes[made->count++] = links->rows[i].link.ifindex;
	return 0;
}

/* The policies whose nodeSelector @labels satisfy; NULL: all. */
static int find_in_force(const struct manifest *const *manifests, size_t count,
			 const struct labels *labels, const struct link_table *links,
			 struct in_force_list *list, struct err *err)
{
	for (size_t m = 0; m < count; m++)
		for (size_t i = 0; i < manifests[m]->policy_count; i++) {
			const struct policy *policy = &manifests[m]->policies[i];
			int r;

			if (policy_replaced(manifests, count, m, i) ||
			    (labels && !selector_matches(&policy->nodes, labels)))
				continue;
			r = add_in_force(policy, links, list, err);
			if (r < 0)
				return r;
		}
	return 0;
}

struct ranked {
	const struct service *service;
	size_t place; /* in the order of the manifests */
};

static int ranked_compare(const void *a, const void *b)
{
	const struct ranked *left = a, *right = b;
	int order = service_compare_names(left->service, right->service);

	if (order)
		return order;
	return left->place < right->place ? -1 : left->place > right->place;
}

/* All services, the last of each name. The caller frees *ret_services. */
static int find_services(const struct manifest *const *manifests, size_t count,
			 struct ranked **ret_services, size_t *ret_count, struct err *err)
{
	size_t total = 0, kept = 0;
	struct ranked *services;

	for (size_t m = 0; m < count; m++)
		total += manifests[m]->service_count;
	services = calloc(total + 1, sizeof(*services));
	if (!services)
		return err_nomem(err);
	total = 0;
	for (size_t m = 0; m < count; m++)
		for (size_t i = 0; i < manifests[m]->service_count; i++, total++)
			services[total] = (struct ranked){ manifests[m]->services[i], total };
	if (total)
		qsort(services, total, sizeof(*services), ranked_compare);
	for (size_t i = 0; i < total; i++) {
		if (kept && !service_compare_names(services[kept - 1].service, services[i].service))
			kept--;
		services[kept++] = services[i];
	}
	*ret_services = services;
	*ret_count = kept;
	return 0;
}

/* Selections, growing. */
struct gathering {
	struct slice_index slices;
	enum locality locality; /* of the service */
	struct selected *list;
	size_t count;
	size_t capacity;
};

static int gather(struct gathering *gathering, const struct in_force *in_force,
		  const struct service *service, const struct address_list *addresses,
		  struct err *err)
{
	size_t more = addresses->count * in_force->count;

	if (gathering->count + more > gathering->capacity) {
		size_t capacity = 2 * gathering->capacity + more;
		struct selected *list = reallocarray(gathering->list, capacity, sizeof(*list));

		if (!list)
			return err_nomem(err);
		gathering->list = list;
		gathering->capacity = capacity;
	}
	for (size_t a = 0; a < addresses->count; a++)
		for (size_t i = 0; i < in_force->count; i++)
			gathering->list[gathering->count++] = (struct selected){
				.address = addresses->list[a],
				.ifindex = in_force->ifindexes[i],
				.service = service,
				.conflict = in_force->policy->conflict,
				.locality = gathering->locality,
			};
	return 0;
}

static int gather_service(struct gathering *gathering, const struct in_force_list *in_force,
			  const struct service *service, struct err *err)
{
	gathering->locality = locality_of(&gathering->slices, service);
	for (size_t i = 0; i < in_force->count; i++) {
		const struct policy *policy = in_force->list[i].policy;
		int r = 0;

		if (!selector_matches(&policy->services, &service->labels))
			continue;
		if (policy->external_ips)
			r = gather(gathering, &in_force->list[i], service, &service->external, err);
		if (!r && policy->load_balancer_ips)
			r = gather(gathering, &in_force->list[i], service, &service->load_balancer,
				   err);
		if (r < 0)
			return r;
	}
	return 0;
}

int selected_compare(const void *a, const void *b)
{
	const struct selected *left = a, *right = b;
	int order = address_compare(&left->address, &right->address);

	if (order)
		return order;
	return left->ifindex < right->ifindex ? -1 : left->ifindex > right->ifindex;
}

/* Sorted, each pair once; takes the list over. */
static struct selection settle(struct gathering *gathering)
{
	struct selection selection = { .list = gathering->list };

	if (gathering->count)
		qsort(selection.list, gathering->count, sizeof(*selection.list), selected_compare);
	for (size_t i = 0; i < gathering->count; i++) {
		struct selected *last = &selection.list[selection.count - 1];

		if (!i || selected_compare(last, &gathering->list[i])) {
			selection.list[selection.count++] = gathering->list[i];
			continue;
		}
		if (gathering->list[i].conflict > last->conflict)
			last->conflict = gathering->list[i].conflict;
		if (gathering->list[i].locality > last->locality)
			last->locality = gathering->list[i].locality;
	}
	return selection;
}

int policy_select(const struct manifest *const *manifests, size_t count,
		  const struct policy_node *node, const struct link_table *links,
		  struct selection *ret_selection, struct err *err)
{
	_cleanup_(in_force_list_free) struct in_force_list in_force = {};
	_cleanup_(labels_free) struct labels host = {};
	_cleanup_free_ struct ranked *services = NULL;
	const struct node *object = find_node(manifests, count, node->name);
	struct gathering gathering = {};
	size_t service_count = 0;
	int r;

	labels_set(&host, LABEL_HOSTNAME, node->name);
	r = find_in_force(manifests, count, object ? &object->labels : &host, links, &in_force,
			  err);
	if (!r)
		r = find_services(manifests, count, &services, &service_count, err);
	slice_index_make(manifests, count, &gathering.slices);
	for (size_t i = 0; i < service_count && !r; i++) {
		const struct service *service = services[i].service;

		if (!service->class || !strcmp(service->class, node->class))
			r = gather_service(&gathering, &in_force, service, err);
	}
	slice_index_free(&gathering.slices);
	if (r < 0) {
		free(gathering.list);
		return r;
	}
	*ret_selection = settle(&gathering);
	ret_selection->exclusion = node_exclusion(object, node->ignore_exclusion);
	return 0;
}

const char *policy_forbids(const struct selection *selection, enum locality locality)
{
	return node_exclusion_text(selection->exclusion) ?: locality_forbids(locality);
}

int policy_of_service(const struct manifest *const *manifests, size_t count, const char *node,
		      const char *class, const struct service *service, policy_found_fn *found,
		      void *userdata, struct err *err)
{
	_cleanup_(in_force_list_free) struct in_force_list in_force = {};
	_cleanup_(labels_free) struct labels host = {};
	const struct node *object = node ? find_node(manifests, count, node) : NULL;
	int r;

	if (node)
		labels_set(&host, LABEL_HOSTNAME, node);
	r = find_in_force(manifests, count,
			  object ? &object->labels
			  : node ? &host
				 : NULL,
			  &(struct link_table){}, &in_force, err);
	for (size_t i = 0; i < in_force.count && !r; i++)
		if ((!service->class || !strcmp(service->class, class)) &&
		    selector_matches(&in_force.list[i].policy->services, &service->labels))
			found(in_force.list[i].policy, userdata);
	return r;
}
