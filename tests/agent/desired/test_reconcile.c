// SPDX-License-Identifier: GPL-2.0-or-later
/* Which wishes reach the lease thread while what is desired changes faster than it takes them. */
#include <endian.h>
#include <stdlib.h>
#include <criterion/criterion.h>

#include "alloc.h"
#include "reconcile_state.h"

#define FRESH 3	 /* new addresses with each evaluation */
#define TAKEN 2	 /* wishes between two evaluations, by the lease thread */
#define LIMIT 20 /* evaluations */
#define LAST  0xffffffff

static sd_event *event;
static struct reconcile *reconcile;
static struct desired desired;
static unsigned int evaluations;
static size_t room;
/* what the lease thread was told */
static bool want_last, unwant_last, settled;

/* In place of agent/keeper/lease_thread_calls.c. */
bool lease_thread_wish(struct lease_thread *thread, const struct lease_wish *wish)
{
	const struct address last = address_from_v4(&(uint32_t){ LAST });

	if (!room)
		return false;
	room--;
	if (!address_compare(&wish->address, &last))
		*(wish->wanted ? &want_last : &unwant_last) = true;
	return true;
}

bool lease_thread_settled(struct lease_thread *thread)
{
	settled = true;
	return true;
}

bool lease_thread_check(struct lease_thread *thread, const struct entry_key *key)
{
	return true;
}

/* Others than before, ascending, and the last address, if @last. */
static void evaluate(bool last)
{
	static struct service service = { .namespace = "default", .name = "web" };
	struct desired next = { .list = xcalloc(FRESH + 1, sizeof(*next.list)) };
	struct target *former = desired.list;

	for (; next.count < FRESH; next.count++)
		next.list[next.count].address = address_from_v4(
			&(uint32_t){ htobe32(evaluations * FRESH + (uint32_t)next.count) });
	if (last)
		next.list[next.count++].address = address_from_v4(&(uint32_t){ LAST });
	for (size_t i = 0; i < next.count; i++)
		next.list[i].service = &service;
	desired = next;
	evaluations++;
	reconcile_desired(reconcile, &desired);
	free(former);
}

/* Evaluates, with room for too few wishes in between, until it is @done. */
static bool comes(const bool *done, bool last)
{
	for (unsigned int i = 0; i < LIMIT && !*done; i++) {
		evaluate(last);
		/* it retries while there is no room */
		for (room = TAKEN; room && reconcile->at && sd_event_run(event, UINT64_MAX) >= 0;)
			;
	}
	return *done;
}

Test(reconcile, every_wish_is_sent_in_its_turn)
{
	struct reconcile_parts parts = { .no_room = no_room_new() };
	struct err err;

	cr_assert_geq(sd_event_new(&parts.event), 0);
	event = parts.event;
	cr_assert_eq(reconcile_new(&parts, &reconcile, &err), 0, "%s", err.text);
	evaluate(true);
	reconcile_known(reconcile);
	cr_expect(comes(&want_last, true), "the last one of all is wanted");
	cr_expect(comes(&settled, true), "what was desired when all was known has been sent");
	cr_expect(comes(&unwant_last, false), "it isn't wanted any more");
	/* nothing changes: a pass more ends it */
	room = SIZE_MAX;
	while (!reconcile_pass_done(reconcile))
		sd_event_run(event, UINT64_MAX);
	cr_expect_eq(HASH_COUNT(reconcile->tracked), FRESH);
	reconcile_free(reconcile);
	no_room_free(parts.no_room);
	free(desired.list);
	sd_event_unref(event);
}
