// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "cleanup.h"
#include "policy.h"
#include "policy_force.h"

void selection_free(struct selection *selection)
{
	free(selection->list);
	free(selection->others);
	*selection = (struct selection){};
}

/* Each option: @service's if set, else @policy's. .preference and .preferred_nodes come from the
 * same object. @node: labels of this node. */
static struct announce_terms terms_of(const struct announce_options *service,
				      const struct announce_options *policy,
				      const struct labels *node)
{
	const struct announce_options *prefers = service->preference ? service : policy;

	return (struct announce_terms){
		.conflict = service->conflict ?: policy->conflict,
		.mac = service->mac ?: policy->mac,
		.group = { .id = prefers->preference,
			   .member = prefers->preference &&
				     selector_matches(&prefers->preferred_nodes, node) },
	};
}

/* A selection that is being built. */
struct gathering {
	const struct labels *node; /* this node's labels */
	struct slice_index slices;
	struct selection selection;
	size_t capacity, other_capacity;
};

static void gather(struct gathering *gathering, const struct in_force *in_force,
		   const struct service *service, const struct address_list *addresses)
{
	const struct announce_terms terms =
		terms_of(&service->announce, &in_force->policy->announce, gathering->node);
	const enum locality v6 = locality_of(&gathering->slices, service, false);
	const enum locality v4 = locality_of(&gathering->slices, service, true);
	struct selection *selection = &gathering->selection;

	for (size_t a = 0; a < addresses->count; a++)
		for (size_t i = 0; i < in_force->count; i++) {
			ALLOC_GROW(selection->list, selection->count, gathering->capacity);
			selection->list[selection->count++] = (struct selected){
				.address = addresses->list[a],
				.ifindex = in_force->ifindexes[i],
				.service = service,
				.terms = terms,
				.locality = address_is_v4(&addresses->list[a]) ? v4 : v6,
			};
		}
}

static void gather_others(struct gathering *gathering, const struct address_list *addresses,
			  enum reason reason)
{
	struct selection *selection = &gathering->selection;

	for (size_t a = 0; a < addresses->count; a++) {
		ALLOC_GROW(selection->others, selection->other_count, gathering->other_capacity);
		selection->others[selection->other_count++] =
			(struct unselected){ addresses->list[a], reason };
	}
}

static void gather_field(const struct policy_input *input, const struct in_force_list *in_force,
			 const struct service *service, bool load_balancer,
			 struct gathering *gathering)
{
	const struct address_list *addresses =
		load_balancer ? &service->load_balancer : &service->external;
	enum reason reason;

	if (!addresses->count)
		return;
	reason = in_force_list_reason(in_force, &input->class, service, load_balancer);
	if (reason)
		gather_others(gathering, addresses, reason);
	for (size_t i = 0; i < in_force->count && !reason; i++)
		if (!in_force_reason(&in_force->list[i], service, load_balancer))
			gather(gathering, &in_force->list[i], service, addresses);
}

int selected_compare(const void *a, const void *b)
{
	const struct selected *left = a, *right = b;
	int order = address_compare(&left->address, &right->address);

	if (order)
		return order;
	return left->ifindex < right->ifindex ? -1 : left->ifindex > right->ifindex;
}

/* By address, then by descending reason: the policy that passed the most checks comes first. */
static int unselected_compare(const void *a, const void *b)
{
	const struct unselected *left = a, *right = b;

	return address_compare(&left->address, &right->address)
		       ?: (int)right->reason - (int)left->reason;
}

void announce_terms_merge(struct announce_terms *to, const struct announce_terms *other)
{
	if (other->conflict > to->conflict)
		to->conflict = other->conflict;
	if (other->mac > to->mac)
		to->mac = other->mac;
	if (other->group.id > to->group.id)
		to->group = other->group;
}

/* Sorts, and merges duplicate pairs. */
static void settle(struct selection *selection)
{
	size_t count = selection->count;

	selection->count = 0;
	if (count)
		qsort(selection->list, count, sizeof(*selection->list), selected_compare);
	for (size_t i = 0; i < count; i++) {
		struct selected *last = &selection->list[selection->count - 1];

		if (!i || selected_compare(last, &selection->list[i])) {
			selection->list[selection->count++] = selection->list[i];
			continue;
		}
		announce_terms_merge(&last->terms, &selection->list[i].terms);
		if (selection->list[i].locality > last->locality)
			last->locality = selection->list[i].locality;
	}
}

/* Sorts unselected addresses, and drops duplicates and those selected for another Service. */
static void settle_others(struct selection *selection)
{
	struct unselected *others = selection->others;
	size_t count = selection->other_count, kept = 0, at = 0;

	if (count)
		qsort(others, count, sizeof(*others), unselected_compare);
	for (size_t i = 0; i < count; i++) {
		const struct address *address = &others[i].address;

		while (at < selection->count &&
		       address_compare(&selection->list[at].address, address) < 0)
			at++;
		if (kept && !address_compare(&others[kept - 1].address, address))
			continue;
		if (at == selection->count ||
		    address_compare(&selection->list[at].address, address))
			others[kept++] = others[i];
	}
	selection->other_count = kept;
}

struct selection policy_select(const struct policy_input *input)
{
	_cleanup_(in_force_list_free) struct in_force_list in_force =
		in_force_find(input->manifests, input->count, input->node, input->links);
	_cleanup_(labels_free) struct labels host = {};
	const struct node *object = policy_node(input->manifests, input->count, input->node);
	struct gathering gathering = { .node = object ? &object->labels : &host };
	size_t count;
	_cleanup_free_ const struct service **services =
		services_in_force(input->manifests, input->count, &count);

	labels_set(&host, LABEL_HOSTNAME, input->node);
	slice_index_make(input->manifests, input->count, &gathering.slices);
	for (size_t i = 0; i < count; i++)
		for (int load_balancer = 0; load_balancer <= 1; load_balancer++)
			gather_field(input, &in_force, services[i], load_balancer, &gathering);
	slice_index_free(&gathering.slices);
	settle(&gathering.selection);
	settle_others(&gathering.selection);
	gathering.selection.partial = !in_force.steps;
	gathering.selection.exclusion = node_exclusion(object, input->ignore_exclusion);
	return gathering.selection;
}

enum reason policy_forbids(const struct selection *selection, enum locality locality)
{
	static const enum reason excluded[] = {
		[NODE_NOT_EXCLUDED] = REASON_NONE,
		[NODE_DELETED] = REASON_NODE_DELETED,
		[NODE_OUT_OF_SERVICE] = REASON_OUT_OF_SERVICE,
		[NODE_NETWORK_UNAVAILABLE] = REASON_NETWORK_UNAVAILABLE,
		[NODE_LABELLED] = REASON_EXCLUDED_NODE,
	};

	if (excluded[selection->exclusion])
		return excluded[selection->exclusion];
	return locality_forbids(locality);
}

void policy_forbids_add(struct why *why, enum locality locality, const char *node)
{
	if (why->reason == REASON_NO_LOCAL_ENDPOINT)
		why_add(why, ": %s", locality_detail(locality));
	else if (why->reason == REASON_EXCLUDED_NODE)
		why_add(why, ": %s %s", node, node_exclusion_text(NODE_LABELLED));
	else if (why->reason == REASON_NODE_DELETED)
		why_add(why, ": the Node %s %s", node, node_exclusion_text(NODE_DELETED));
	else if (why->reason == REASON_OUT_OF_SERVICE)
		why_add(why, ": %s %s", node, node_exclusion_text(NODE_OUT_OF_SERVICE));
}
