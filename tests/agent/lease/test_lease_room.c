// SPDX-License-Identifier: GPL-2.0-or-later
/* What a store shows is bounded, and what isn't kept of it still counts. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <criterion/criterion.h>

#include "lease_machine.h"
#include "quiet.h"

#define START	UINT64_C(1000000000000)
#define STEP	(100 * LEASE_NS_PER_MS)
#define D	(2000 * LEASE_NS_PER_MS)
#define SESSION 7

static const char id[] = "0123456789abcdef0123456789abcdef";
static const struct address vip = { { [10] = 0xff, [11] = 0xff, 198, 18, 0, 1 } };
static const struct address other = { { [10] = 0xff, [11] = 0xff, 198, 18, 0, 2 } };

static struct record beat, taken;	    /* as this node wrote them last */
static struct record shown_beat, shown_vip; /* as its view has them */
static struct record buried;		    /* the heartbeat that it declared dead last */
static uint64_t now, revision;
static uint64_t transitions; /* of the claim that was written last */

static void swap(struct store *store, const struct record *record)
{
	if (record->kind == RECORD_CLAIM)
		transitions = record->claim.transitions;
	else if (strcmp(record->node, "node-1") != 0)
		buried = *record;
	*(record->kind == RECORD_HEARTBEAT ? &beat : &taken) = *record;
}

static void follow(struct store *store, bool followed)
{
}

static uint64_t clock_now(void *userdata)
{
	return now;
}

static uint64_t clock_random(void *userdata)
{
	return SESSION;
}

static bool tell(struct lease_machine *machine, struct record record)
{
	record.revision = record.shape == RECORD_ABSENT ? 0 : ++revision;
	return lease_machine_events.record(&record, machine);
}

static struct record node(unsigned int number, enum record_shape shape)
{
	struct record record = { .kind = RECORD_HEARTBEAT,
				 .shape = shape,
				 .heartbeat = { .session = 9, .duration_ms = 2000 } };

	snprintf(record.node, sizeof(record.node), "n%u", number);
	memset(record.heartbeat.id, 'f', RECORD_ID_DIGITS);
	return record;
}

static struct record claim(unsigned int number, enum record_shape shape)
{
	struct record record = { .kind = RECORD_CLAIM, .shape = shape, .address = other };

	memcpy(record.address.bytes, &number, sizeof(number));
	return record;
}

/* Each of this node's writes is done, and in the view, at once. */
static void answer(struct lease_machine *machine)
{
	struct record written;

	while (beat.node[0] || taken.address.bytes[10]) {
		struct record *which = beat.node[0] ? &beat : &taken;

		written = *which;
		*which = (struct record){};
		cr_assert(tell(machine, written));
		written.revision = revision;
		if (!strcmp(written.node, "node-1"))
			shown_beat = written;
		else if (!address_compare(&written.address, &vip))
			shown_vip = written;
		lease_machine_events.swapped(&written, 0, machine);
		lease_machine_run(machine);
	}
}

static void pass(struct lease_machine *machine, uint64_t ns)
{
	for (uint64_t end = now + ns; now < end; now += STEP) {
		lease_machine_run(machine);
		answer(machine);
	}
}

/* An empty list. */
static void list(struct lease_machine *machine)
{
	lease_machine_events.reset(machine);
	lease_machine_events.synced(machine);
	lease_machine_run(machine);
	answer(machine);
}

/* node-1 holds vip, and its view is older than its duration. */
static struct lease_machine *start(void)
{
	static const struct lease_config config = {
		.node = "node-1",
		.id = id,
		.timing = { D, 1200 * LEASE_NS_PER_MS, 300 * LEASE_NS_PER_MS },
		.weight = 100,
	};
	static struct store store = {
		.swaps_min = 64, .swaps_max = 64, .swap = swap, .follow = follow
	};
	struct lease_machine *machine;

	now = START;
	beat = taken = (struct record){};
	machine = quiet_machine(&config, &store, &vip, clock_now, clock_random);
	lease_machine_run(machine);
	list(machine);
	pass(machine, 3 * D);
	cr_assert(lease_machine_holds(machine, &vip));
	return machine;
}

/* How long after now another address is held. */
static uint64_t until_held(struct lease_machine *machine)
{
	uint64_t begun = now;

	lease_machine_want(machine, &other, NULL);
	while (!lease_machine_holds(machine, &other) && now < begun + 5 * D)
		pass(machine, STEP);
	return now - begun;
}

Test(lease_room, what_vanishes_unknown_counts_as_held_and_is_not_kept)
{
	struct lease_machine *machine = start();
	size_t nodes = HASH_COUNT(machine->peers);

	cr_expect_lt(until_held(machine), D, "the view is old enough");
	lease_machine_free(machine);
	for (int kind = 0; kind < 2; kind++) {
		machine = start();
		for (unsigned int i = 1; i <= 20000; i++)
			cr_assert(tell(machine,
				       kind ? node(i, RECORD_ABSENT) : claim(i, RECORD_ABSENT)));
		cr_expect_eq(HASH_COUNT(machine->claims), 1);
		cr_expect_eq(HASH_COUNT(machine->peers), nodes);
		cr_expect_geq(until_held(machine), D);
		cr_expect(lease_machine_holds(machine, &vip));
		lease_machine_free(machine);
	}
}

Test(lease_room, nodes_that_come_and_go_never_fill_it)
{
	struct lease_machine *machine = start();

	for (unsigned int i = 1; i <= 2 * STORE_NODES_MAX; i++) {
		cr_assert(tell(machine, node(i, RECORD_GOOD)), "node %u", i);
		cr_assert(tell(machine, node(i, RECORD_ABSENT)));
		lease_machine_run(machine);
		if (i % (STORE_NODES_MAX / 2) == 0)
			pass(machine, 2 * D);
	}
	cr_expect_leq(HASH_COUNT(machine->peers), STORE_NODES_MAX);
	cr_expect(lease_machine_holds(machine, &vip));
	lease_machine_free(machine);
}

/* Shows so many that the next doesn't fit; returns how many did, at most @max. */
static unsigned int fill(struct lease_machine *machine, unsigned int max,
			 struct record (*make)(unsigned int number, enum record_shape shape))
{
	unsigned int number = 0;

	while (number < max && tell(machine, make(number + 1, RECORD_GOOD)))
		number++;
	return number;
}

/* One claim more than fit, which are returned. */
static unsigned int overfill(struct lease_machine *machine)
{
	return fill(machine, STORE_CLAIMS_MAX + 1, claim);
}

Test(lease_room, a_view_that_is_too_large_is_given_up)
{
	struct lease_machine *machine = start();
	struct record held = { .kind = RECORD_CLAIM, .shape = RECORD_GOOD, .address = vip };
	struct lease_info info;

	cr_expect_eq(lease_machine_info(machine, &other, &info), -ENOENT);
	strcpy(held.claim.holder, "node-1");
	held.claim.session = SESSION;
	cr_expect_eq(overfill(machine), STORE_CLAIMS_MAX, "what is wanted isn't counted");
	cr_expect_eq(HASH_COUNT(machine->claims), 1);
	cr_expect_eq(lease_machine_info(machine, &other, &info), -EAGAIN, "nobody knows");
	/* what is ours stays as long as the session does */
	cr_expect(lease_machine_holds(machine, &vip));
	lease_machine_events.reset(machine);
	cr_expect_eq(fill(machine, STORE_NODES_MAX, node), STORE_NODES_MAX - 1);
	cr_expect_leq(HASH_COUNT(machine->peers), 3);
	/* a list that is none of those goes on with the session */
	lease_machine_events.reset(machine);
	cr_assert(tell(machine, held));
	cr_assert(tell(machine, (struct record){ .kind = RECORD_HEARTBEAT,
						 .shape = RECORD_GOOD,
						 .node = "node-1",
						 .heartbeat = machine->session.shown }));
	lease_machine_events.synced(machine);
	answer(machine);
	pass(machine, D);
	cr_expect(lease_machine_holds(machine, &vip));
	cr_expect_eq(machine->figures.sessions, 1);
	/* one that doesn't come ends it */
	overfill(machine);
	for (uint64_t end = now + D; now < end; now += STEP)
		lease_machine_run(machine);
	cr_expect_not(lease_machine_holds(machine, &vip));
	lease_machine_free(machine);
}

/* The view was given up. A list is complete, of this node's records as they were and @count others.
 */
static void list_again(struct lease_machine *machine, const struct record *others, size_t count)
{
	lease_machine_events.reset(machine);
	cr_assert(lease_machine_events.record(&shown_vip, machine));
	cr_assert(lease_machine_events.record(&shown_beat, machine));
	for (size_t i = 0; i < count; i++)
		cr_assert(lease_machine_events.record(&others[i], machine));
	lease_machine_events.synced(machine);
}

/* A release whose outcome isn't known may still be done, and then another node claims it. */
Test(lease_room, what_is_being_given_up_is_not_taken_back)
{
	struct lease_machine *machine = start();

	lease_machine_unwant(machine, &vip);
	lease_machine_run(machine);
	cr_assert_not(address_compare(&taken.address, &vip));
	cr_assert_str_empty(taken.claim.holder);
	lease_machine_events.swapped(&taken, -ETIMEDOUT, machine);
	taken = (struct record){};
	overfill(machine);
	lease_machine_want(machine, &vip, NULL);
	list_again(machine, NULL, 0);
	lease_machine_run(machine);
	cr_expect_not(lease_machine_holds(machine, &vip));
	pass(machine, 2 * D);
	cr_expect(lease_machine_holds(machine, &vip), "released, then claimed anew");
	cr_expect_str_eq(shown_vip.claim.holder, "node-1");
	lease_machine_free(machine);
}

Test(lease_room, a_node_that_went_silent_meanwhile_is_declared_dead)
{
	struct lease_machine *machine = start();
	struct record others[] = {
		node(1, RECORD_GOOD),
		{ .kind = RECORD_CLAIM, .shape = RECORD_GOOD, .address = other }
	};

	/* of those that are kept when a view is given up: none has longer leases */
	others[0].heartbeat.duration_ms = 3000;
	cr_assert(tell(machine, others[0]));
	others[0].revision = revision;
	node_name_copy(others[1].claim.holder, others[0].node);
	others[1].claim.session = others[0].heartbeat.session;
	others[1].revision = revision + 1;
	overfill(machine);
	buried = (struct record){};
	list_again(machine, others, 2);
	cr_expect_lt(until_held(machine), 3 * D);
	cr_expect_str_eq(buried.node, others[0].node);
	cr_expect_eq(buried.revision, others[0].revision);
	lease_machine_free(machine);
}

/* Of nodes that are forgotten, the longest lease counts for them all: but not a dead node's. */
Test(lease_room, a_dead_node_with_long_leases_does_not_hide_a_living_one)
{
	struct lease_machine *machine = start();
	struct record dead = node(1, RECORD_GOOD), alive = node(2, RECORD_GOOD);

	dead.heartbeat.state = HEARTBEAT_DEAD;
	dead.heartbeat.duration_ms = 60000;
	alive.heartbeat.duration_ms = 6000;
	cr_assert(tell(machine, dead));
	dead.revision = revision;
	cr_assert(tell(machine, alive));
	overfill(machine);
	/* the living one's record vanished meanwhile */
	list_again(machine, &dead, 1);
	cr_expect_geq(until_held(machine), 3 * D);
	lease_machine_free(machine);
}

Test(lease_room, a_wish_for_what_is_held_is_known_again)
{
	for (int wished = 0; wished < 2; wished++) {
		struct lease_machine *machine = start();
		struct record asking = node(1, RECORD_GOOD);

		asking.heartbeat.weight = 100;
		asking.revision = revision + 2;
		if (wished)
			node_name_copy(shown_vip.claim.wish, asking.node);
		shown_vip.claim.wish_session = asking.heartbeat.session;
		shown_vip.revision = revision + 1;
		cr_assert(lease_machine_events.record(&shown_vip, machine));
		revision += 2;
		pass(machine, STEP);
		cr_expect(lease_machine_holds(machine, &vip), "nobody asks as far as is known");
		overfill(machine);
		list_again(machine, &asking, 1);
		pass(machine, STEP);
		cr_expect_eq(lease_machine_holds(machine, &vip), !wished);
		lease_machine_free(machine);
	}
}

Test(lease_room, what_is_wanted_fits_always)
{
	struct lease_machine *machine = start();

	for (unsigned int i = 1; i <= 100; i++) {
		struct record wanted = claim(STORE_CLAIMS_MAX + i, RECORD_GOOD);

		lease_machine_want(machine, &wanted.address, NULL);
	}
	cr_expect_eq(fill(machine, STORE_CLAIMS_MAX, claim), STORE_CLAIMS_MAX);
	for (unsigned int i = 1; i <= 100; i++)
		cr_expect(tell(machine, claim(STORE_CLAIMS_MAX + i, RECORD_GOOD)));
	cr_expect_not(tell(machine, claim(STORE_CLAIMS_MAX + 101, RECORD_GOOD)));
	lease_machine_free(machine);
}

/* Addresses that come and go make no view too large: their released records stay for a while. */
Test(lease_room, no_record_is_made_in_a_view_that_is_nearly_full)
{
	struct lease_machine *machine = start();
	const struct address known = claim(1, RECORD_GOOD).address;
	struct lease_info info;

	/* and vip */
	cr_assert_eq(fill(machine, STORE_CLAIMS_NEW, claim), STORE_CLAIMS_NEW);
	lease_machine_want(machine, &known, NULL);
	lease_machine_want(machine, &other, NULL);
	pass(machine, 2 * D);
	cr_expect_not(lease_machine_holds(machine, &other));
	cr_expect(lease_machine_holds(machine, &known), "its record is there");
	cr_expect(lease_machine_holds(machine, &vip));
	cr_assert_eq(lease_machine_info(machine, &other, &info), 0);
	cr_expect(info.store_full);
	/* itself without a record, it takes no room */
	cr_assert(tell(machine, claim(2, RECORD_ABSENT)));
	pass(machine, 3 * D / 2);
	cr_expect(lease_machine_holds(machine, &other));
	cr_assert_eq(lease_machine_info(machine, &other, &info), 0);
	cr_expect_not(info.store_full);
	lease_machine_free(machine);
}

Test(lease_room, a_view_that_is_forgotten_has_room)
{
	struct lease_machine *machine = start();

	cr_assert_eq(fill(machine, STORE_CLAIMS_NEW, claim), STORE_CLAIMS_NEW);
	lease_machine_want(machine, &other, NULL);
	pass(machine, 2 * D);
	cr_expect_not(lease_machine_holds(machine, &other));
	overfill(machine);
	list_again(machine, NULL, 0);
	pass(machine, 5 * D);
	cr_expect(lease_machine_holds(machine, &other));
	lease_machine_free(machine);
}

/* The API server refuses a number that is over 32 bits, and so would every reader. */
Test(lease_room, transitions_stay_at_their_last_number)
{
	struct lease_machine *machine = start();
	struct record free = { .kind = RECORD_CLAIM,
			       .shape = RECORD_GOOD,
			       .address = other,
			       .claim.transitions = INT32_MAX };

	cr_assert(tell(machine, free));
	until_held(machine);
	cr_expect(lease_machine_holds(machine, &other));
	cr_expect_eq(transitions, INT32_MAX);
	lease_machine_free(machine);
}
