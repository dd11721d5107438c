// SPDX-License-Identifier: GPL-2.0-or-later
/* Compares the maps with the entries that they should have. */
#include <string.h>

#include "clock.h"
#include "loop.h"
#include "reconcile_state.h"

static int compare_entry(const struct entry_row *row, void *data, struct err *err)
{
	struct reconcile *reconcile = data;
	struct tracked *tracked = reconcile_find(reconcile, &row->key.address);
	const struct lease_place *place = reconcile_find_place(tracked, row->key.ifindex);

	if (place && tracked->slot == row->head.lease && !row->damaged &&
	    !memcmp(place->mac, row->head.mac, ETH_ALEN) && place->flags == row->head.flags) {
		if (tracked->found_by != reconcile->figures.compared)
			tracked->found_count = 0;
		tracked->found_by = reconcile->figures.compared;
		tracked->found_count++;
		return 0;
	}
	/* Before that, a previous process's entries stay. If the mailbox is full, the next
	 * comparison repeats this. */
	if (reconcile->settled)
		lease_thread_check(reconcile->parts.thread, &row->key);
	return 0;
}

/* Has missing entries of @tracked checked. What has changed since the comparison began may be among
 * them, which does no harm. */
static void compare_tracked(struct reconcile *reconcile, const struct tracked *tracked)
{
	size_t found = tracked->found_by == reconcile->figures.compared ? tracked->found_count : 0;

	for (size_t i = 0;
	     tracked->slot && found < tracked->place_count && i < tracked->place_count; i++) {
		const struct entry_key key = { tracked->address, tracked->places[i].ifindex };

		lease_thread_check(reconcile->parts.thread, &key);
	}
}

/* @err: why the entries can't be read; NULL: they were. */
static void end_comparison(struct reconcile *reconcile, const struct err *err)
{
	struct reconcile_figures *figures = &reconcile->figures;

	reconcile->comparing = COMPARE_NONE;
	/* By the second comparison the lease thread has deleted a previous process's entries. It
	 * sends no news of them, so remove the filters that they needed here. */
	if (reconcile->settled && reconcile->settled_compares < 2) {
		reconcile->settled_compares++;
		if (reconcile->settled_compares == 2)
			program_touch_all(reconcile->parts.program);
	}
	figures->compared++;
	figures->last_ns = clock_boot_ns() - reconcile->compare_begun_ns;
	if (figures->last_ns > figures->worst_ns)
		figures->worst_ns = figures->last_ns;
	reconcile->parts.callbacks.compared(err, reconcile->parts.userdata);
}

void reconcile_compare_step(struct reconcile *reconcile)
{
	struct tracked *tracked = reconcile->next_compare;
	struct err err;
	int r;

	if (reconcile->comparing == COMPARE_ENTRIES) {
		r = program_visit_some(reconcile->parts.program, compare_entry, reconcile, &err);
		if (r < 0)
			end_comparison(reconcile, &err);
		if (r)
			return;
		reconcile->comparing = COMPARE_TRACKED;
		reconcile->next_compare = reconcile->tracked;
	} else if (tracked) {
		reconcile->next_compare = tracked->hh.next;
		compare_tracked(reconcile, tracked);
	} else {
		end_comparison(reconcile, NULL);
	}
}

void reconcile_compare(struct reconcile *reconcile)
{
	if (reconcile->comparing)
		return;
	reconcile->compare_begun_ns = clock_boot_ns();
	program_follow(reconcile->parts.program);
	program_visit_begin(reconcile->parts.program);
	reconcile->comparing = COMPARE_ENTRIES;
	loop_timer_after(reconcile->work, 0);
}
