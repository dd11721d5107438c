// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "binary_search.h"
#include "cleanup.h"
#include "policy.h"
#include "policy_force.h"

static void add_labels(struct why *why, const char *of, const struct labels *labels)
{
	bool any = false;

	why_add(why, "; labels of %s:", of);
	for (size_t i = 0; i < labels->count; i++) {
		/* leave out the pseudo-labels, which repeat its name */
		if (!strncmp(labels->list[i].key, SERVICE_LABEL_PREFIX,
			     strlen(SERVICE_LABEL_PREFIX)))
			continue;
		why_add(why, "%s %s=%s", any ? "," : "", labels->list[i].key,
			labels->list[i].value);
		any = true;
	}
	if (!any)
		why_add(why, " none");
}

static void add_devices(struct why *why, const struct links_table *links)
{
	bool any = false;

	why_add(why, "; suitable devices here:");
	for (size_t i = 0; i < links->count; i++)
		if (links->rows[i].suitable) {
			why_add(why, "%s %s", any ? "," : "", links->rows[i].link.name);
			any = true;
		}
	if (!any)
		why_add(why, " none");
}

/* Adds the part of @policy that doesn't match. */
static void add_cause(struct why *why, const struct policy *policy)
{
	_cleanup_free_ char *selected = NULL;

	if (why->reason == REASON_SERVICE_SELECTOR)
		selected = selector_describe(&policy->services);
	else if (why->reason == REASON_NODE_SELECTOR)
		selected = selector_describe(&policy->nodes);
	if (selected)
		why_add(why, " selects %s", selected);
	for (size_t i = 0; why->reason == REASON_NO_INTERFACE && i < policy->interfaces.count; i++)
		why_add(why, "%s %s", i ? "," : " has", policy->interfaces.list[i].text);
}

/* Adds the policies that don't announce for @why's reason. */
static void add_policies(struct why *why, const struct in_force_list *in_force,
			 const struct service *service, bool load_balancer)
{
	bool any = false;

	for (size_t i = 0; i < in_force->count; i++) {
		const struct policy *policy = in_force->list[i].policy;

		if (in_force_reason(&in_force->list[i], service, load_balancer) != why->reason)
			continue;
		why_add(why, "%s %s", any ? "," : ": policy", policy->name);
		any = true;
		add_cause(why, policy);
	}
}

/* Adds details that users need to fix it. */
static void add_detail(const struct policy_input *input, const struct in_force_list *in_force,
		       const struct service *service, bool load_balancer, struct why *why)
{
	struct err name;

	if (why->reason == REASON_OTHER_CLASS)
		why_add(why, ": %s; this agent's is %s", service_class_text(service),
			input->class.name);
	else
		add_policies(why, in_force, service, load_balancer);
	err_write(&name, "%s/%s", service->namespace, service->name);
	if (why->reason == REASON_SERVICE_SELECTOR)
		add_labels(why, name.text, &service->labels);
	else if (why->reason == REASON_ADDRESS_KIND)
		why_add(why, ", without %s: true",
			load_balancer ? "loadBalancerIPs" : "externalIPs");
	else if (why->reason == REASON_NO_INTERFACE)
		add_devices(why, input->links);
	else if (why->reason == REASON_NODE_SELECTOR) {
		const struct node *node = policy_node(input->manifests, input->count, input->node);

		if (node && !node->labels.partial)
			add_labels(why, input->node, &node->labels);
		else
			why_add(why, "; %s has no Node object here, so no label but %s%s",
				input->node, LABEL_HOSTNAME,
				node ? " is known to be there or absent" : "");
	}
}

/* The Service that passed the most checks, and the field of its address. */
struct furthest {
	const struct service *service;
	bool load_balancer;
};

/* Keeps @reason of @service's field if it passed more checks than @why's. False: all are passed. */
static bool keep_furthest(struct furthest *furthest, const struct service *service,
			  bool load_balancer, enum reason reason, struct why *why)
{
	if (reason && reason <= why->reason)
		return true;
	why_set(why, reason);
	*furthest = (struct furthest){ service, load_balancer };
	return reason;
}

/* An address of a Service's field. */
struct occurrence {
	struct address address;
	const struct service *service;
	size_t place; /* index in the order of the Services' names */
	bool load_balancer;
};

struct policy_index {
	struct policy_input input;
	struct in_force_list in_force;
	struct occurrence *list; /* by address, then place, then field */
	size_t count, capacity;
};

static int occurrence_compare(const void *a, const void *b)
{
	const struct occurrence *left = a, *right = b;
	int order = address_compare(&left->address, &right->address);

	if (order)
		return order;
	if (left->place != right->place)
		return left->place < right->place ? -1 : 1;
	return (int)left->load_balancer - (int)right->load_balancer;
}

static void add_occurrences(struct policy_index *index, const struct service *service, size_t place,
			    bool load_balancer)
{
	const struct address_list *addresses =
		load_balancer ? &service->load_balancer : &service->external;

	for (size_t i = 0; i < addresses->count; i++) {
		ALLOC_GROW(index->list, index->count, index->capacity);
		index->list[index->count++] =
			(struct occurrence){ addresses->list[i], service, place, load_balancer };
	}
}

struct policy_index *policy_index_new(const struct policy_input *input)
{
	size_t count;
	_cleanup_free_ const struct service **services =
		services_in_force(input->manifests, input->count, &count);

	return policy_index_of(input, services, count);
}

struct policy_index *policy_index_of(const struct policy_input *input,
				     const struct service *const *services, size_t count)
{
	struct policy_index *index = xcalloc(1, sizeof(*index));

	index->input = *input;
	index->in_force = in_force_find(input->manifests, input->count, input->node, input->links);
	for (size_t i = 0; i < count; i++)
		for (int load_balancer = 0; load_balancer <= 1; load_balancer++)
			add_occurrences(index, services[i], i, load_balancer);
	if (index->count)
		qsort(index->list, index->count, sizeof(*index->list), occurrence_compare);
	return index;
}

static bool have_common(const struct address_list *addresses, const struct address_list *sorted)
{
	for (size_t i = 0; i < addresses->count; i++)
		if (address_list_find(sorted, &addresses->list[i]))
			return true;
	return false;
}

struct policy_index *policy_index_at(const struct policy_input *input,
				     struct address_list *addresses)
{
	size_t count, having = 0;
	_cleanup_free_ const struct service **services =
		services_in_force(input->manifests, input->count, &count);

	address_list_sort(addresses);
	for (size_t i = 0; i < count; i++)
		if (have_common(&services[i]->external, addresses) ||
		    have_common(&services[i]->load_balancer, addresses))
			services[having++] = services[i];
	return policy_index_of(input, services, having);
}

void policy_index_free(struct policy_index *index)
{
	if (!index)
		return;
	in_force_list_free(&index->in_force);
	free(index->list);
	free(index);
}

void policy_index_why(const struct policy_index *index, const struct address *address,
		      const struct service *service, struct why *ret_why)
{
	struct furthest furthest = {};

	why_set(ret_why, REASON_NO_SERVICE);
	for (size_t i = SEARCH_FIRST(at, index->count,
				     address_compare(&index->list[at].address, address) < 0);
	     i < index->count && !address_compare(&index->list[i].address, address); i++) {
		const struct occurrence *at = &index->list[i];

		if (service && at->service != service)
			continue;
		if (!keep_furthest(&furthest, at->service, at->load_balancer,
				   in_force_list_reason(&index->in_force, &index->input.class,
							at->service, at->load_balancer),
				   ret_why))
			return;
	}
	if (furthest.service)
		add_detail(&index->input, &index->in_force, furthest.service,
			   furthest.load_balancer, ret_why);
}

void policy_index_of_service(const struct policy_index *index, const struct service *service,
			     policy_found_fn *found, void *userdata)
{
	const struct in_force_list *in_force = &index->in_force;

	for (size_t i = 0; i < in_force->count; i++)
		if (in_force->list[i].here && service_is_of(service, &index->input.class) &&
		    selector_matches(&in_force->list[i].policy->services, &service->labels))
			found(in_force->list[i].policy, userdata);
}

/* Why @in_force selects none of @services: the reason of the one that passed the most checks. */
static void survey(const struct policy_input *input, struct in_force *in_force,
		   const struct service **services, size_t count, struct why *ret_why)
{
	const struct in_force_list alone = { .list = in_force, .count = 1 };
	struct furthest furthest = {};

	why_set(ret_why, REASON_NO_SERVICE);
	for (size_t i = 0; i < 2 * count; i++) {
		const struct service *service = services[i / 2];
		bool load_balancer = i % 2;

		if (!service_is_of(service, &input->class) ||
		    !(load_balancer ? &service->load_balancer : &service->external)->count)
			continue;
		if (!keep_furthest(&furthest, service, load_balancer,
				   in_force_reason(in_force, service, load_balancer), ret_why))
			return;
	}
	if (furthest.service)
		add_detail(input, &alone, furthest.service, furthest.load_balancer, ret_why);
	else
		err_write(&ret_why->text, "no Service has an address");
}

void policy_survey(const struct policy_input *input, policy_useless_fn *useless, void *userdata)
{
	_cleanup_(in_force_list_free) struct in_force_list in_force =
		in_force_find(input->manifests, input->count, input->node, input->links);
	size_t count;
	_cleanup_free_ const struct service **services =
		services_in_force(input->manifests, input->count, &count);

	for (size_t i = 0; i < in_force.count; i++) {
		struct why why;

		survey(input, &in_force.list[i], services, count, &why);
		if (why.reason)
			useless(in_force.list[i].policy, &why, userdata);
	}
}
