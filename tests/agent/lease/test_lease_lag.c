// SPDX-License-Identifier: GPL-2.0-or-later
/* A store that answers at once, and a view that shows late what it did: that must not cause writes
 * that all nodes see, which would make views later still. */
#include <errno.h>
#include <criterion/criterion.h>

#include "lease_machine.h"
#include "lease_peer.h"
#include "quiet.h"

#define STEP	(10 * LEASE_NS_PER_MS)
#define PERIOD	(300 * LEASE_NS_PER_MS)
#define WRITES	512
#define SESSION 100

static const char id[] = "0123456789abcdef0123456789abcdef";
static const struct address vip = { { [10] = 0xff, [11] = 0xff, 198, 18, 0, 1 } };
static const struct address other = { { [10] = 0xff, [11] = 0xff, 198, 18, 0, 2 } };

static uint64_t now, sessions;
static struct lease_machine *machine;

/* What was written, and when; how much of it has its answer, and is shown. */
static struct {
	struct record record;
	uint64_t at;
	int result;
	bool done;
} writes[WRITES];
static size_t written, answered, shown;
static uint64_t revision, store_revision; /* of the heartbeat; of all */
static struct heartbeat seen;		  /* by all nodes */
static unsigned int to_all, refused;
static bool loses, does; /* the answer to the next heartbeat; and whether it is written */

static void swap(struct store *store, const struct record *record)
{
	bool is_done = true;
	int result = 0;

	cr_assert_lt(written, WRITES);
	writes[written].record = *record;
	writes[written].at = now;
	if (record->kind == RECORD_HEARTBEAT) {
		bool is_there = record->revision == revision;

		to_all += record->heartbeat.all;
		refused += !is_there;
		result = !is_there ? -EAGAIN : loses ? -ETIMEDOUT : 0;
		is_done = is_there && (!loses || does);
		loses = false;
	}
	if (is_done) {
		writes[written].record.revision = ++store_revision;
		if (record->kind == RECORD_HEARTBEAT) {
			revision = store_revision;
			if (record->heartbeat.all)
				seen = record->heartbeat;
			cr_expect_not(lease_heartbeat_differs(&seen, &record->heartbeat));
		}
	}
	writes[written].done = is_done;
	writes[written++].result = result;
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
	return SESSION + sessions++;
}

/* Time passes; the view shows what was written @lag_ns before. */
static void pass(unsigned int periods, uint64_t lag_ns)
{
	for (uint64_t end = now + periods * PERIOD; now < end; now += STEP) {
		for (; answered < written; answered++)
			lease_machine_events.swapped(&writes[answered].record,
						     writes[answered].result, machine);
		for (; shown < written && writes[shown].at + lag_ns <= now; shown++)
			if (writes[shown].done)
				lease_machine_events.record(&writes[shown].record, machine);
		lease_machine_run(machine);
	}
}

static void start(uint64_t renew_deadline_ns)
{
	static struct store store = {
		.swaps_min = 64, .swaps_max = 64, .swap = swap, .follow = follow
	};
	static struct lease_config config = {
		.id = id,
		.node = "node-1",
		.weight = 100,
	};

	config.timing =
		(struct lease_timing){ 5 * renew_deadline_ns / 3, renew_deadline_ns, PERIOD };
	now = UINT64_C(1000000000000);
	written = answered = shown = to_all = refused = revision = 0;
	machine = quiet_machine(&config, &store, &vip, clock_now, clock_random);
	lease_machine_events.reset(machine);
	lease_machine_events.synced(machine);
	pass(5 * renew_deadline_ns / PERIOD, STEP);
	cr_assert(lease_machine_holds(machine, &vip));
	cr_assert_eq(to_all, 1);
}

Test(lease_lag, renewals_are_renewals_while_the_view_lags_behind)
{
	start(4 * PERIOD);
	pass(30, 3 * PERIOD);
	cr_expect_eq(to_all, 1, "%u are shown to all", to_all);
	cr_expect_eq(refused, 0, "%u are refused", refused);
	cr_expect(lease_machine_holds(machine, &vip));
	cr_expect_eq(machine->figures.sessions, 1);
	lease_machine_free(machine);
}

Test(lease_lag, one_session_begins_while_none_can_be_confirmed)
{
	start(4 * PERIOD);
	pass(40, 10 * PERIOD);
	cr_expect_not(lease_machine_holds(machine, &vip));
	cr_expect_eq(to_all, 2, "%u are shown to all", to_all);
	cr_expect_eq(refused, 0, "%u are refused", refused);
	pass(20, STEP);
	cr_expect(lease_machine_holds(machine, &vip));
	cr_expect_eq(machine->figures.sessions, 2);
	cr_expect_eq(to_all, 2, "%u are shown to all", to_all);
	lease_machine_free(machine);
}

/* More renewals than are remembered would be sent in that time. */
Test(lease_lag, a_session_lives_while_its_renewals_are_confirmed_before_their_deadline)
{
	start(16 * PERIOD);
	pass(60, 14 * PERIOD);
	cr_expect(lease_machine_holds(machine, &vip));
	cr_expect_eq(machine->figures.sessions, 1);
	lease_machine_free(machine);
}

/* What came of a write isn't known, and perhaps what it said doesn't hold any more. */
Test(lease_lag, what_may_not_be_shown_is_shown_again)
{
	for (int i = 0; i < 8; i++) {
		struct lease_self self = { .own = &other, .own_count = 1 };
		bool back = i / 2 % 2, lags = i / 4;

		start(4 * PERIOD);
		lease_machine_publish(machine, &self);
		loses = true;
		does = i % 2;
		while (loses)
			pass(1, STEP);
		self.own_count = !back;
		lease_machine_publish(machine, &self);
		pass(10, lags ? 2 * PERIOD : STEP);
		cr_expect_geq(to_all, back && !does ? 2 : 3, "%d: %u are shown to all", i, to_all);
		cr_expect_leq(to_all, 4, "%d: %u are shown to all", i, to_all);
		cr_expect_eq(machine->figures.sessions, 1);
		lease_machine_free(machine);
	}
}
