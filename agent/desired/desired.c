// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "desired.h"

void desired_free(struct desired *desired)
{
	for (size_t i = 0; i < desired->count; i++)
		service_unref(desired->list[i].service);
	free(desired->list);
	selection_free(&desired->selection);
	*desired = (struct desired){};
}

/* Why this node can't answer for @target on @row; REASON_NONE: it can. */
static enum reason link_reason(const struct target *target, const struct links_row *row,
			       const struct desired_view *view, struct err *ret_detail)
{
	struct err why;

	if (kernel_answers(view->kernel, &target->address, &row->link, &why)) {
		if (ret_detail)
			*ret_detail = why;
		return REASON_KERNEL_ANSWERS;
	}
	if (!row->carrier) {
		if (ret_detail)
			err_write(ret_detail, "%s", row->link.name);
		return REASON_LINK_DOWN;
	}
	if (no_room_is(view->no_room, &target->address, row->link.ifindex, ret_detail))
		return REASON_MAP_FULL;
	return view->ready(row, view->userdata, ret_detail);
}

/* If the kernel answers for the address on one interface, the address isn't claimed at all.
 * Otherwise one interface that can answer is enough. */
static void set_reason(struct target *target, const struct selection *selection,
		       const struct desired_view *view)
{
	enum reason highest = REASON_NO_INTERFACE, forbidden;
	bool usable = false;

	for (size_t i = 0; i < target->count; i++) {
		const struct links_row *row = links_find(view->links, target->on[i].ifindex);
		enum reason reason;

		if (!row)
			continue;
		reason = link_reason(target, row, view, NULL);
		if (!row->carrier || reason == REASON_MAP_FULL)
			target->last_resort = reason;
		usable = usable || !reason;
		if (reason > highest)
			highest = reason;
	}
	forbidden = policy_forbids(selection, target->locality);
	if (forbidden)
		target->reason = forbidden;
	else if (address_list_find(&view->others, &target->address))
		target->reason = REASON_NODE_ADDRESS;
	else
		target->reason = usable && highest != REASON_KERNEL_ANSWERS ? REASON_NONE : highest;
}

void desired_why(const struct target *target, const struct desired_view *view, struct why *ret_why)
{
	char mac[MAC_TEXT_SIZE];

	why_set(ret_why, target->reason);
	policy_forbids_add(ret_why, target->locality, view->node);
	if (target->reason == REASON_OTHER_HOST)
		why_add(ret_why, ": %s", mac_format(target->other_mac, mac));
	for (size_t i = 0; i < target->count; i++) {
		const struct links_row *row = links_find(view->links, target->on[i].ifindex);
		struct err detail = {};

		if (!row || link_reason(target, row, view, &detail) != target->reason)
			continue;
		why_add(ret_why, ": %s", detail.text);
		if (target->reason == REASON_KERNEL_ANSWERS || target->reason == REASON_MAP_FULL)
			return;
	}
}

struct desired desired_make(struct selection *selection, const struct desired_view *view)
{
	struct desired desired = { .selection = *selection };
	struct target *target = NULL;

	*selection = (struct selection){};
	desired.list = xcalloc(desired.selection.count + 1, sizeof(*desired.list));
	for (size_t i = 0; i < desired.selection.count; i++) {
		struct selected *selected = &desired.selection.list[i];

		if (!target || address_compare(&target->address, &selected->address)) {
			target = &desired.list[desired.count++];
			*target = (struct target){ .address = selected->address, .on = selected };
		}
		target->count++;
		announce_terms_merge(&target->terms, &selected->terms);
		target->service = (struct service *)selected->service;
		if (selected->locality > target->locality)
			target->locality = selected->locality;
		/* the manifests may be freed before @desired */
		selected->service = NULL;
	}
	for (size_t i = 0; i < desired.count; i++) {
		service_ref(desired.list[i].service);
		set_reason(&desired.list[i], &desired.selection, view);
	}
	return desired;
}

static int target_compare(const void *a, const void *b)
{
	return address_compare(&((const struct target *)a)->address,
			       &((const struct target *)b)->address);
}

const struct target *desired_find(const struct desired *desired, const struct address *address)
{
	struct target key = { .address = *address };

	if (!desired->count)
		return NULL;
	return bsearch(&key, desired->list, desired->count, sizeof(key), target_compare);
}

static int unselected_find(const void *address, const void *row)
{
	return address_compare(address, &((const struct unselected *)row)->address);
}

enum reason desired_reason(const struct desired *desired, const struct address *address)
{
	const struct target *target = desired_find(desired, address);
	const struct selection *selection = &desired->selection;
	const struct unselected *other = NULL;

	if (target)
		return target->reason;
	if (selection->other_count)
		other = bsearch(address, selection->others, selection->other_count, sizeof(*other),
				unselected_find);
	return other ? other->reason : REASON_NO_SERVICE;
}

void desired_count(const struct desired *desired, size_t ret_counts[REASON_COUNT])
{
	memset(ret_counts, 0, REASON_COUNT * sizeof(ret_counts[0]));
	for (size_t i = 0; i < desired->count; i++)
		ret_counts[desired->list[i].reason]++;
	for (size_t i = 0; i < desired->selection.other_count; i++)
		ret_counts[desired->selection.others[i].reason]++;
}

bool desired_first(const struct desired *desired, enum reason reason, struct address *ret_address)
{
	const struct selection *selection = &desired->selection;

	for (size_t i = 0; i < desired->count; i++)
		if (desired->list[i].reason == reason) {
			*ret_address = desired->list[i].address;
			return true;
		}
	for (size_t i = 0; i < selection->other_count; i++)
		if (selection->others[i].reason == reason) {
			*ret_address = selection->others[i].address;
			return true;
		}
	return false;
}
