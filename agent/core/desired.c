// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "desired.h"

void desired_free(struct desired *desired)
{
	for (size_t i = 0; i < desired->count; i++)
		free(desired->list[i].preferred_node);
	free(desired->list);
	selection_free(&desired->selection);
	*desired = (struct desired){};
}

/* Why the program can't answer for @address on @row; false: it can. */
static bool link_cannot(const struct address *address, const struct link_row *row,
			desired_ready_fn *ready, void *userdata, struct err *ret_why)
{
	const char *why = !row->carrier		  ? "is down, or has no carrier"
			  : !ready(row, userdata) ? "hasn't got the program"
						  : NULL;
	char ip[INET6_ADDRSTRLEN];

	if (why)
		err_write(ret_why, "%s: %s %s", address_format(address, ip), row->link.name, why);
	return why;
}

bool desired_why_not(const struct target *target, const struct link_table *links,
		     struct kernel_view *view, desired_ready_fn *ready, void *userdata,
		     struct err *ret_why)
{
	char ip[INET6_ADDRSTRLEN];
	bool usable = false;

	err_write(ret_why, "%s: its interfaces are gone", address_format(&target->address, ip));
	for (size_t i = 0; i < target->count; i++) {
		const struct link_row *row = link_table_find(links, target->on[i].ifindex);

		if (!row)
			continue;
		if (kernel_answers(view, &target->address, &row->link, ret_why))
			return true;
		usable = usable || !link_cannot(&target->address, row, ready, userdata, ret_why);
	}
	return !usable;
}

static void judge(struct target *target, struct desired *desired, const struct link_table *links,
		  struct kernel_view *view, desired_ready_fn *ready, void *userdata)
{
	bool usable = false, may = !policy_forbids(&desired->selection, target->locality);

	for (size_t i = 0; i < target->count; i++) {
		const struct link_row *row = link_table_find(links, target->on[i].ifindex);
		struct err why;

		if (!row)
			continue;
		if (!row->carrier)
			target->last_resort = true;
		else if (ready(row, userdata))
			usable = true;
		if (target->blocked || !kernel_answers(view, &target->address, &row->link, &why))
			continue;
		target->blocked = true;
		if (!desired->blocked++)
			desired->why_blocked = why;
	}
	target->wanted = usable && !target->blocked && may;
	if (!usable && !target->blocked && may && !desired->cut_off++)
		desired_why_not(target, links, view, ready, userdata, &desired->why_cut_off);
}

static int copy_preferred(struct target *target, const struct selected *selected)
{
	const char *node = selected->service->preferred_node;

	/* the first service's that has a preference */
	if (!node || target->preferred_node)
		return 0;
	target->preferred_node = strdup(node);
	return target->preferred_node ? 0 : -ENOMEM;
}

int desired_make(struct selection *selection, const struct link_table *links,
		 struct kernel_view *view, desired_ready_fn *ready, void *userdata,
		 struct desired *ret_desired, struct err *err)
{
	struct desired desired = { .selection = *selection };
	struct target *target = NULL;
	int r = 0;

	*selection = (struct selection){};
	desired.list = calloc(desired.selection.count + 1, sizeof(*desired.list));
	if (!desired.list)
		r = -ENOMEM;
	for (size_t i = 0; i < desired.selection.count && !r; i++) {
		struct selected *selected = &desired.selection.list[i];

		if (!target || address_compare(&target->address, &selected->address)) {
			target = &desired.list[desired.count++];
			*target = (struct target){ .address = selected->address, .on = selected };
		}
		target->count++;
		if (selected->conflict > target->conflict)
			target->conflict = selected->conflict;
		if (selected->locality > target->locality)
			target->locality = selected->locality;
		r = copy_preferred(target, selected);
		/* the manifests may go before we do */
		selected->service = NULL;
	}
	if (r < 0) {
		desired_free(&desired);
		return err_set(err, r, "out of memory");
	}
	for (size_t i = 0; i < desired.count; i++)
		judge(&desired.list[i], &desired, links, view, ready, userdata);
	*ret_desired = desired;
	return 0;
}

static int target_compare(const void *a, const void *b)
{
	return address_compare(&((const struct target *)a)->address,
			       &((const struct target *)b)->address);
}

const struct target *desired_find(const struct desired *desired, const struct address *address)
{
	struct target wanted = { .address = *address };

	if (!desired->count)
		return NULL;
	return bsearch(&wanted, desired->list, desired->count, sizeof(wanted), target_compare);
}
