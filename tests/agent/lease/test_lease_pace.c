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

/* What became of @record is told, and shown. */
static void answer(struct record record, int result)
{
	if (!result)
		record.revision = ++revision;
	lease_machine_events.swapped(&record, result, machine);
	if (!result)
		lease_machine_events.record(&record, machine);
}

/* The renewal that is on its way is confirmed. */
static void confirm(void)
{
	cr_assert(beats);
	beats = false;
	answer(beat, 0);
	lease_machine_run(machine);
}

/* All claims that are on their way have @result, @ns after they were sent: how many others are
 * written then? */
static size_t then_written(int result, uint64_t ns)
{
	size_t count = written;

	now += ns;
	written = 0;
	for (size_t i = 0; i < count; i++)
		answer(claims[i], result);
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

Test(lease_pace, no_claim_is_written_while_a_renewal_is_late)
{
	start();
	cr_expect_eq(written, LEAST);
	cr_expect_eq(then_written(0, LATE - MS), LEAST, "it isn't late yet");
	cr_expect_eq(then_written(0, 2 * MS), 0);
	confirm();
	cr_expect_eq(written, LEAST);
	/* of several that wait, the first counts */
	renew();
	now += LATE / 2;
	answer(beat, -ETIMEDOUT);
	beats = false;
	renew();
	cr_expect_eq(then_written(0, LATE / 2 + 2 * MS), 0);
	confirm();
	cr_expect_eq(written, LEAST);
	lease_machine_free(machine);
}

Test(lease_pace, quick_answers_make_it_more_and_late_renewals_fewer)
{
	start();
	for (size_t most = 2 * LEAST; most <= MOST; most *= 2)
		cr_expect_eq(then_written(0, MS), most);
	cr_expect_eq(then_written(0, MS), MOST);
	cr_expect_eq(then_written(0, LATE), 0);
	confirm();
	cr_expect_eq(written, MOST / 2);
	cr_expect_eq(then_written(0, QUICK + MS), MOST / 2, "slow ones change nothing");
	cr_expect_eq(then_written(-ETIMEDOUT, MS), LEAST);
	lease_machine_free(machine);
}

Test(lease_pace, after_a_pause_it_begins_with_few)
{
	start();
	while (then_written(0, MS))
		;
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
