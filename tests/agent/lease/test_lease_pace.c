// SPDX-License-Identifier: GPL-2.0-or-later
/* A store that answers when the test says so: claims are written no faster than renewals bear, and
 * those of one namespace don't hold up those of others. */
#include <errno.h>
#include <stdio.h>
#include <criterion/criterion.h>

#include "lease_claim_table.h"
#include "lease_machine.h"
#include "quiet.h"

#define MS     LEASE_NS_PER_MS
#define PERIOD (300 * MS)
#define MANY   1000
/* Of four periods a renewal has three, and is late after a quarter of that; an answer that takes
 * half as long isn't quick. */
#define LATE  (225 * MS)
#define QUICK (112 * MS)
#define LEAST 4
#define MOST  64

static const struct address vip = { { [10] = 0xff, [11] = 0xff, 198, 18, 0, 1 } };

static uint64_t now, revision;
static struct lease_machine *machine;
static uint64_t due; /* when the machine wants to run again */
/* On their way. */
static struct record beat, claims[MANY];
static bool beats;
static size_t written;

static void swap(struct store *store, const struct record *record)
{
	if (record->kind == RECORD_HEARTBEAT) {
		beat = *record;
		beats = true;
		return;
	}
	cr_assert_lt(written, MANY);
	claims[written++] = *record;
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
	return revision + 1;
}

static void clock_arm(uint64_t due_ns, void *userdata)
{
	due = due_ns;
}

/* What became of @record is told. */
static struct record told(struct record record, int result)
{
	if (!result)
		record.revision = ++revision;
	lease_machine_events.swapped(&record, result, machine);
	return record;
}

/* It is shown, too. */
static void answer(const struct record *record, int result)
{
	struct record now_there = told(*record, result);

	if (!result)
		lease_machine_events.record(&now_there, machine);
}

/* All claims that are on their way have @result. */
static void answer_claims(int result)
{
	size_t count = written;

	written = 0;
	for (size_t i = 0; i < count; i++)
		answer(&claims[i], result);
}

/* The renewal that is on its way is confirmed. */
static void confirm(void)
{
	cr_assert(beats);
	beats = false;
	answer(&beat, 0);
	lease_machine_run(machine);
}

/* All claims that are on their way have @result, @ns after they were sent: how many others are
 * written then? */
static size_t then_written(int result, uint64_t ns)
{
	now += ns;
	answer_claims(result);
	lease_machine_run(machine);
	return written;
}

/* Time passes until a renewal is sent. */
static void renew(void)
{
	while (!beats) {
		now += MS;
		lease_machine_run(machine);
	}
}

/* Addresses that a Service in @namespace gains, the first of them @first. */
static void want(const char *namespace, unsigned int first, unsigned int count)
{
	struct lease_preference preference = {};

	snprintf(preference.service.namespace, sizeof(preference.service.namespace), "%s",
		 namespace);
	for (unsigned int i = first; i < first + count; i++) {
		struct address address = vip;

		address.bytes[14] = i >> 8;
		address.bytes[15] = i;
		lease_machine_want(machine, &address, &preference);
	}
}

/* A session of which a renewal was just sent; the node wants MANY addresses besides. */
static void start(void)
{
	static struct store store = {
		.swaps_min = LEAST, .swaps_max = MOST, .swap = swap, .follow = follow
	};
	static const struct lease_config config = {
		.id = "0123456789abcdef0123456789abcdef",
		.node = "node-1",
		.timing = { 2000 * MS, 4 * PERIOD, PERIOD },
		.weight = 100,
	};

	now = UINT64_C(1000000000000);
	revision = written = 0;
	beats = false;
	machine = quiet_machine(&config, &store, &vip, clock_now, clock_random);
	/* however slow the machine is that runs the test */
	machine->turn_ns = LEASE_NEVER / 2;
	machine->clock.arm = clock_arm;
	lease_machine_events.reset(machine);
	lease_machine_events.synced(machine);
	while (!lease_machine_holds(machine, &vip)) {
		renew();
		confirm();
		then_written(0, MS);
	}
	then_written(0, MS);
	renew();
	confirm();
	renew();
	want("many", 2, MANY);
	lease_machine_run(machine);
}

Test(lease_pace, one_claim_at_a_time_while_a_renewal_is_late)
{
	start();
	cr_expect_eq(written, LEAST);
	cr_expect_eq(then_written(0, LATE - MS), LEAST, "it isn't late yet");
	cr_expect_eq(then_written(0, 2 * MS), 1);
	cr_expect_eq(then_written(0, MS), 1);
	confirm();
	cr_expect_eq(written, LEAST);
	/* of several that wait, the first counts */
	renew();
	now += LATE / 2;
	answer(&beat, -ETIMEDOUT);
	beats = false;
	renew();
	cr_expect_eq(then_written(0, LATE / 2 + 2 * MS), 1);
	confirm();
	cr_expect_eq(written, LEAST);
	lease_machine_free(machine);
}

/* At each moment a renewal is late, and each is confirmed. */
Test(lease_pace, a_view_that_lags_for_good)
{
	enum { LAG = 600, MORE = 500, ROUNDS = 5000 };
	static struct record shown[ROUNDS];
	uint64_t sent[ROUNDS];
	size_t first = 0, last = 0;

	start();
	for (unsigned int round = 0; machine->figures.held < MANY + 1 + MORE; round++) {
		cr_assert_lt(round, ROUNDS);
		now += MS;
		if (beats) {
			beats = false;
			sent[last] = now;
			shown[last++] = told(beat, 0);
		}
		if (first < last && now >= sent[first] + LAG * MS) {
			lease_machine_events.record(&shown[first++], machine);
			if (first == 2)
				want("more", 2 * MANY, MORE);
		}
		answer_claims(0);
		lease_machine_run(machine);
		cr_assert(lease_machine_holds(machine, &vip));
		if (first < last && now > sent[first] + LATE + MS)
			cr_assert_leq(written, 1, "the oldest that waits is late");
		if (machine->waiting)
			cr_assert_geq(written, 1);
	}
	cr_expect_eq(machine->figures.sessions, 1);
	lease_machine_free(machine);
}

Test(lease_pace, quick_answers_make_it_more_and_late_renewals_fewer)
{
	start();
	for (size_t most = 2UL * LEAST; most <= MOST; most *= 2)
		cr_expect_eq(then_written(0, MS), most);
	cr_expect_eq(then_written(0, MS), MOST);
	cr_expect_eq(then_written(0, LATE), 1);
	confirm();
	cr_expect_eq(written, MOST / 2);
	cr_expect_eq(then_written(0, QUICK + MS), MOST / 2, "slow ones change nothing");
	answer(&claims[--written], -ETIMEDOUT);
	cr_expect_eq(machine->swaps_max, MOST / 4);
	cr_expect_eq(then_written(-ETIMEDOUT, MS), LEAST);
	lease_machine_free(machine);
}

/* A store that is far answers none quickly, and yet keeps up. */
Test(lease_pace, renewals_in_time_make_it_more_if_claims_wait)
{
	start();
	for (size_t most = 2UL * LEAST; most <= MOST; most += LEAST) {
		confirm();
		cr_expect_eq(written, most);
		renew();
		cr_expect_eq(then_written(0, QUICK + MS), most);
	}
	confirm();
	cr_expect_eq(written, MOST);
	lease_machine_free(machine);
}

Test(lease_pace, after_a_pause_it_begins_with_few)
{
	size_t most;

	start();
	while (machine->waiting)
		then_written(0, MS);
	cr_assert_gt(written, 0);
	most = machine->swaps_max;
	confirm();
	cr_expect_eq(machine->swaps_max, most, "there is none yet");
	while (then_written(0, MS))
		;
	renew();
	confirm();
	cr_expect_eq(machine->swaps_max, LEAST);
	lease_machine_free(machine);
}

/* Of those that wait, and of those that come when there is room. */
Test(lease_pace, a_namespace_has_its_turn)
{
	bool found = false;

	start();
	want("other", MANY + 100, 1);
	lease_machine_run(machine);
	want("many", MANY + 200, 100);
	then_written(0, QUICK + MS);
	for (size_t i = 0; i < written; i++)
		found |= !strcmp(claims[i].claim.service.namespace, "other");
	cr_expect(found);
	lease_machine_free(machine);
}

/* Claims that were written get their entries beside those that wait to be. */
Test(lease_pace, the_queue_and_the_lines_have_turns)
{
	uint64_t gained;
	size_t taken = 0;

	start();
	while (machine->swaps_max < MOST)
		then_written(0, MS);
	gained = machine->figures.gained;
	machine->turn_ns = 0;
	then_written(0, MS);
	for (unsigned int i = 1; i < MOST / 4; i++)
		lease_machine_run(machine);
	for (size_t i = 0; i < written; i++)
		taken += claims[i].claim.taken;
	cr_expect_gt(taken, MOST / 8);
	cr_expect_gt(machine->figures.gained, gained + MOST / 8);
	lease_machine_free(machine);
}

/* A turn ends before all is written for which there is room. */
Test(lease_pace, those_that_wait_have_the_next_turn)
{
	start();
	cr_expect_eq(then_written(0, LATE + MS), 1);
	machine->turn_ns = 0;
	confirm();
	while (due == now)
		lease_machine_run(machine);
	cr_expect_eq(written, LEAST);
	lease_machine_free(machine);
}

/* node-2 lives, too. */
static void meet(void)
{
	struct record peer = {
		.kind = RECORD_HEARTBEAT,
		.shape = RECORD_GOOD,
		.revision = ++revision,
		.node = "node-2",
		.heartbeat = { .id = "f",
			       .session = 1000,
			       .sequence = 1,
			       .state = HEARTBEAT_ALIVE,
			       .slot = 1,
			       .duration_ms = 2000,
			       .weight = 100 },
	};

	lease_machine_events.record(&peer, machine);
	lease_machine_run(machine);
}

/* It wants to have vip. */
static void wish(void)
{
	struct record claim = {
		.kind = RECORD_CLAIM,
		.shape = RECORD_GOOD,
		.revision = ++revision,
		.address = vip,
		.claim = { .holder = "node-1",
			   .session = machine->session.id,
			   .wish = "node-2",
			   .wish_session = 1000,
			   .moved = true },
	};

	lease_machine_events.record(&claim, machine);
	lease_machine_run(machine);
}

/* To the node that wants it more, or to any other. */
Test(lease_pace, an_address_is_held_until_its_release_is_written)
{
	const struct lease_preference last_resort = { .last_resort = true };

	for (int wished = 0; wished < 2; wished++) {
		bool released = false;

		start();
		meet();
		if (wished)
			wish();
		else
			lease_machine_want(machine, &vip, &last_resort);
		lease_machine_run(machine);
		while (!released) {
			cr_assert(lease_machine_holds(machine, &vip));
			then_written(0, QUICK + MS);
			for (size_t i = 0; i < written; i++)
				released |= !address_compare(&claims[i].address, &vip);
			cr_assert(written);
		}
		cr_expect_not(lease_machine_holds(machine, &vip));
		lease_machine_free(machine);
	}
}

/* Its carrier is back before the release could be written. */
Test(lease_pace, an_address_that_is_no_last_resort_any_more_stays)
{
	const struct lease_preference last_resort = { .last_resort = true };

	start();
	meet();
	lease_machine_want(machine, &vip, &last_resort);
	lease_machine_run(machine);
	lease_machine_want(machine, &vip, NULL);
	for (int i = 0; i < 5; i++) {
		then_written(0, QUICK + MS);
		cr_assert(lease_machine_holds(machine, &vip));
	}
	lease_machine_free(machine);
}

/* An address that waits to be handed over may have to be silent at once. */
Test(lease_pace, one_that_waits_is_looked_at_if_it_is_no_longer_wanted)
{
	start();
	meet();
	wish();
	cr_assert(lease_machine_holds(machine, &vip));
	lease_machine_unwant(machine, &vip);
	lease_machine_run(machine);
	cr_expect_not(lease_machine_holds(machine, &vip));
	cr_expect_eq(written, LEAST);
	lease_machine_free(machine);
}

/* For instance away from a node on which a tenant's addresses come and go. */
Test(lease_pace, a_persons_wish_is_written_at_once)
{
	struct err err = {};

	start();
	meet();
	cr_expect_eq(lease_machine_move(machine, &vip, "node-2", &err), 0);
	cr_expect_eq(written, LEAST + 1);
	cr_expect_str_eq(claims[LEAST].claim.wish, "node-2");
	lease_machine_free(machine);
}

/* A write of which nothing was heard was done after all. */
Test(lease_pace, one_that_waits_is_looked_at_if_it_is_ours)
{
	struct record late;

	start();
	late = claims[0];
	then_written(-ETIMEDOUT, MS);
	/* until it would be written again, but others are on their way */
	renew();
	now += 2 * PERIOD;
	lease_machine_run(machine);
	cr_assert_not(lease_machine_holds(machine, &late.address));
	late.revision = ++revision;
	lease_machine_events.record(&late, machine);
	lease_machine_run(machine);
	cr_expect(lease_machine_holds(machine, &late.address));
	lease_machine_free(machine);
}

/* Nor is its lease renewed with the entry. */
Test(lease_pace, one_that_waits_is_lost_if_another_has_it)
{
	struct record claim = {
		.kind = RECORD_CLAIM,
		.shape = RECORD_GOOD,
		.address = vip,
		.claim = { .holder = "node-2", .session = 1000 },
	};

	start();
	meet();
	wish();
	cr_assert(lease_machine_holds(machine, &vip));
	claim.revision = ++revision;
	lease_machine_events.record(&claim, machine);
	confirm();
	cr_expect_not(lease_machine_holds(machine, &vip));
	lease_machine_free(machine);
}

/* So many at a time made the last session end. */
Test(lease_pace, a_new_session_begins_with_few)
{
	start();
	while (machine->swaps_max < MOST)
		then_written(0, MS);
	now += 4 * PERIOD;
	lease_machine_run(machine);
	cr_assert_not(lease_machine_holds(machine, &vip));
	beats = false;
	answer(&beat, -ETIMEDOUT);
	renew();
	cr_assert_eq(machine->session.phase, SESSION_STARTING);
	cr_expect_eq(machine->swaps_max, LEAST);
	lease_machine_free(machine);
}
