// SPDX-License-Identifier: GPL-2.0-or-later
/* Many nodes' own heartbeats (etcd_own.h) and a store that answers after a few milliseconds: how
 * many marks they write, and how long their renewals wait for one. */
#include <stdio.h>
#include <string.h>
#include <criterion/criterion.h>

#include "etcd_own.h"

#define NODES_MAX  200
#define MS	   UINT64_C(1000000)
#define PERIOD	   (2000 * MS)
#define BEGIN	   (1000 * PERIOD)
#define ROUND_TRIP (10 * MS)
#define WATCHERS   9 /* of each renewal: eight, and its own node */

static struct etcd_own owns[NODES_MAX];
static uint64_t sent_at[NODES_MAX]; /* the renewal that isn't confirmed; 0: none */
static uint64_t revision, longest;
static unsigned int nodes, marks;

struct write {
	uint64_t answered, shown; /* when it is, to its node and to all */
	uint64_t revision;
	unsigned int by;
	bool renews, mark;
};

static struct write writes[64 * NODES_MAX];
static size_t written;

static struct record heartbeat(uint64_t at)
{
	return (struct record){ .kind = RECORD_HEARTBEAT, .shape = RECORD_GOOD, .revision = at };
}

static void tell(unsigned int node, uint64_t now)
{
	struct record record;

	while (etcd_own_next(&owns[node], &record)) {
		if (sent_at[node] && now - sent_at[node] > longest)
			longest = now - sent_at[node];
		sent_at[node] = 0;
	}
}

static void answered(const struct write *write, uint64_t now)
{
	struct record record = heartbeat(write->revision);

	if (write->mark)
		etcd_own_expect(&owns[write->by], write->revision);
	if (write->renews)
		etcd_own_beats(&owns[write->by], &record, write->revision, now);
	tell(write->by, now);
}

static void shown(const struct write *write, uint64_t now)
{
	for (unsigned int n = 0; n < nodes && write->mark; n++) {
		etcd_own_reached(&owns[n], write->revision);
		etcd_own_marked(&owns[n], write->by == n, now);
		tell(n, now);
	}
}

static void start(unsigned int count)
{
	const struct lease_timing timing = { .duration_ns = 6 * PERIOD,
					     .renew_deadline_ns = 4 * PERIOD,
					     .retry_period_ns = PERIOD };

	nodes = count;
	revision = 10;
	written = longest = marks = 0;
	memset(sent_at, 0, sizeof(sent_at));
	for (unsigned int n = 0; n < nodes; n++) {
		struct record there = heartbeat(1), told;
		char name[16];

		snprintf(name, sizeof(name), "node-%u", n);
		etcd_own_init(&owns[n], name, &timing);
		etcd_own_watches(&owns[n], nodes - 1 < 8 ? nodes - 1 : 8);
		etcd_own_shown(&owns[n], &there, 1);
		etcd_own_beats(&owns[n], &there, 1, BEGIN);
		etcd_own_synced(&owns[n], 1);
		while (etcd_own_next(&owns[n], &told))
			;
	}
}

/* From period @from to @to, but for node @dead; what is written is shown @lag after its answer. */
static void run(unsigned int from, unsigned int to, unsigned int dead, uint64_t lag)
{
	for (uint64_t now = BEGIN + from * PERIOD; now < BEGIN + to * PERIOD; now += MS) {
		for (size_t i = 0; i < written; i++) {
			if (writes[i].answered == now)
				answered(&writes[i], now);
			if (writes[i].shown == now)
				shown(&writes[i], now);
		}
		for (size_t i = 0; i < written;)
			if (writes[i].answered <= now && writes[i].shown <= now)
				writes[i] = writes[--written];
			else
				i++;
		for (unsigned int n = 0; n < nodes; n++) {
			struct record record = heartbeat(0);
			/* spread over the period, some at the same moment */
			bool renews =
				(now - BEGIN) % PERIOD == n * UINT64_C(7919) % 2000 / 10 * 10 * MS;
			bool mark = renews ? etcd_own_send(&owns[n], &record)
					   : etcd_own_mark(&owns[n], now);

			if ((!renews && !mark) || n == dead)
				continue;
			marks += mark;
			if (renews && !sent_at[n])
				sent_at[n] = now;
			cr_assert_lt(written, sizeof(writes) / sizeof(writes[0]));
			writes[written++] =
				(struct write){ now + ROUND_TRIP, now + ROUND_TRIP + lag,
						++revision,	  n,
						renews,		  mark };
		}
	}
}

Test(etcd_own, nothing_of_a_list_is_told_before_it_is_whole)
{
	struct record there = heartbeat(1), told;

	start(1);
	etcd_own_reached(&owns[0], 10);
	etcd_own_reset(&owns[0]);
	etcd_own_shown(&owns[0], &there, 1);
	etcd_own_beats(&owns[0], &there, 1, BEGIN);
	cr_expect_not(etcd_own_next(&owns[0], &told));
	etcd_own_synced(&owns[0], 10);
	cr_expect(etcd_own_next(&owns[0], &told));
}

Test(etcd_own, what_was_deleted_by_hand_is_shown_to_all_again)
{
	const struct record gone = { .kind = RECORD_HEARTBEAT };
	struct record renewal = heartbeat(0), again = heartbeat(0);

	start(1);
	etcd_own_send(&owns[0], &renewal);
	cr_expect_not(renewal.heartbeat.all);
	etcd_own_shown(&owns[0], &gone, 5);
	etcd_own_send(&owns[0], &again);
	cr_expect(again.heartbeat.all);
}

/* Of 200 nodes one marks, so the rest wait for that. */
static void expect_quiet(unsigned int periods)
{
	unsigned int seconds = periods * PERIOD / (1000 * MS);

	cr_expect_lt(marks * nodes / seconds + nodes * WATCHERS / 2, 2000, "%u marks in %u s",
		     marks, seconds);
	cr_expect_lt(longest, PERIOD / 5, "%llu ms", (unsigned long long)(longest / MS));
}

static unsigned int who_marks(void)
{
	unsigned int n = 0;

	while (n < nodes && !owns[n].marks)
		n++;
	return n;
}

Test(etcd_own, many_nodes_cost_less_than_2000_events_a_second)
{
	start(NODES_MAX);
	run(0, 1, NODES_MAX, 0);
	/* until the first one marks */
	cr_expect_lt(longest, PERIOD * 3 / 8, "%llu ms", (unsigned long long)(longest / MS));
	longest = marks = 0;
	run(1, 20, NODES_MAX, 0);
	expect_quiet(19);
}

Test(etcd_own, another_marks_if_the_one_that_did_is_gone)
{
	unsigned int dead;

	start(NODES_MAX);
	run(0, 2, NODES_MAX, 0);
	longest = marks = 0;
	dead = who_marks();
	run(2, 4, dead, 0);
	cr_expect_neq(who_marks(), dead);
	cr_expect_lt(longest, PERIOD * 3 / 8 + 2 * ROUND_TRIP, "%llu ms",
		     (unsigned long long)(longest / MS));
	longest = marks = 0;
	run(4, 20, dead, 0);
	expect_quiet(16);
}

/* Views that lag behind must not cause more events, which would make them lag more. */
Test(etcd_own, what_lags_behind_gets_no_more_marks)
{
	start(NODES_MAX);
	run(0, 2, NODES_MAX, 0);
	marks = 0;
	run(2, 10, NODES_MAX, 3 * PERIOD);
	/* each once while none is shown, and once more when those come that weren't needed */
	cr_expect_leq(marks, 2 * NODES_MAX + 8 * 8, "%u marks", marks);
	marks = 0;
	run(10, 30, NODES_MAX, 3 * PERIOD);
	cr_expect_leq(marks, 20 * 9, "%u marks", marks);
	run(30, 31, NODES_MAX, 0);
	longest = marks = 0;
	run(31, 40, NODES_MAX, 0);
	expect_quiet(9);
}

Test(etcd_own, few_nodes_wait_for_nobody)
{
	start(8);
	run(0, 10, NODES_MAX, 0);
	cr_expect_eq(longest, ROUND_TRIP, "%llu ms", (unsigned long long)(longest / MS));
	cr_expect_eq(marks, 80);
}

/* A duration that ends soon after the retryPeriod leaves less time to wait. */
Test(etcd_own, the_mark_comes_before_the_renewal_is_too_late)
{
	const struct lease_timing timing = { .duration_ns = 2 * PERIOD,
					     .renew_deadline_ns = PERIOD + PERIOD / 5,
					     .retry_period_ns = PERIOD };
	struct record record = heartbeat(5);
	uint64_t now = 1000 * PERIOD;
	struct etcd_own own;

	etcd_own_init(&own, "node-1", &timing);
	etcd_own_synced(&own, 1);
	etcd_own_beats(&own, &record, 5, now);
	cr_expect(!etcd_own_next(&own, &record));
	cr_expect(!etcd_own_mark(&own, now));
	cr_expect(etcd_own_mark(&own, now + PERIOD * 3 / 40));
	etcd_own_reached(&own, 5);
	cr_expect(etcd_own_next(&own, &record));
	cr_expect_eq(record.revision, 5);
}
