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
#define ROUND_TRIP (10 * MS)
#define WATCHERS   9 /* of each renewal: eight, and its own node */

static struct etcd_own owns[NODES_MAX];
static uint64_t sent_at[NODES_MAX]; /* the renewal that isn't confirmed; 0: none */
static uint64_t revision, longest;

struct write {
	uint64_t at, revision;
	unsigned int node; /* whose renewal; NODES_MAX: none */
	bool mark;
};

static struct write writes[4 * NODES_MAX];
static size_t written;

static void write_later(uint64_t now, unsigned int node, bool mark)
{
	cr_assert_lt(written, sizeof(writes) / sizeof(writes[0]));
	writes[written++] = (struct write){ now + ROUND_TRIP, ++revision, node, mark };
}

static struct record heartbeat(uint64_t at)
{
	return (struct record){ .kind = RECORD_HEARTBEAT, .shape = RECORD_GOOD, .revision = at };
}

static void tell(unsigned int node, uint64_t now)
{
	struct record record;

	while (etcd_own_next(&owns[node], &record)) {
		if (now - sent_at[node] > longest)
			longest = now - sent_at[node];
		sent_at[node] = 0;
	}
}

/* The answer comes, and all see the mark, if there is one. */
static void done(const struct write *write, unsigned int nodes, uint64_t now)
{
	struct record record = heartbeat(write->revision);

	if (write->node < NODES_MAX)
		etcd_own_beats(&owns[write->node], &record, write->revision, now);
	for (unsigned int n = 0; n < nodes && write->mark; n++) {
		etcd_own_reached(&owns[n], write->revision);
		etcd_own_marked(&owns[n], now);
		tell(n, now);
	}
}

/* How many marks @nodes write in @periods. */
static unsigned int run(unsigned int nodes, unsigned int periods)
{
	const struct lease_timing timing = { .duration_ns = 6 * PERIOD,
					     .renew_deadline_ns = 4 * PERIOD,
					     .retry_period_ns = PERIOD };
	uint64_t begin = 1000 * PERIOD, now;
	unsigned int marks = 0;

	revision = 10;
	written = longest = 0;
	memset(sent_at, 0, sizeof(sent_at));
	for (unsigned int n = 0; n < nodes; n++) {
		struct record there = heartbeat(1), told;
		char name[16];

		snprintf(name, sizeof(name), "node-%u", n);
		etcd_own_init(&owns[n], name, &timing);
		etcd_own_shown(&owns[n], &there, 1);
		etcd_own_beats(&owns[n], &there, 1, begin);
		etcd_own_synced(&owns[n], 1);
		while (etcd_own_next(&owns[n], &told))
			;
	}
	for (now = begin; now < begin + periods * PERIOD; now += MS) {
		for (size_t i = 0; i < written; i++)
			if (writes[i].at == now)
				done(&writes[i], nodes, now);
		for (size_t i = 0; i < written;)
			if (writes[i].at == now)
				writes[i] = writes[--written];
			else
				i++;
		for (unsigned int n = 0; n < nodes; n++) {
			struct record record = heartbeat(0);
			/* spread over the period, some at the same moment */
			bool renews =
				(now - begin) % PERIOD == n * UINT64_C(7919) % 2000 / 10 * 10 * MS;
			bool mark = renews ? etcd_own_send(&owns[n], &record, now)
					   : etcd_own_mark(&owns[n], now);

			marks += mark;
			if (renews)
				sent_at[n] = now;
			if (renews || mark)
				write_later(now, renews ? n : NODES_MAX, mark);
		}
	}
	return marks;
}

Test(etcd_own, many_nodes_cost_less_than_2000_events_a_second)
{
	unsigned int nodes = 200, periods = 20, seconds = periods * PERIOD / (1000 * MS);
	unsigned int marks = run(nodes, periods);

	fprintf(stderr, "marks %u in %u longest %llu\n", marks, seconds,
		(unsigned long long)(longest / MS));
	cr_expect_lt(marks * nodes / seconds + 100 * WATCHERS, 2000, "%u marks in %u s", marks,
		     seconds);
	/* 1.2 retryPeriods are enough for a renewal and the one before it */
	cr_expect_lt(longest, PERIOD / 5, "%llu ms", (unsigned long long)(longest / MS));
}

Test(etcd_own, few_nodes_wait_for_nobody)
{
	run(7, 10);
	cr_expect_eq(longest, ROUND_TRIP, "%llu ms", (unsigned long long)(longest / MS));
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
	cr_expect(etcd_own_mark(&own, now + PERIOD / 20));
	etcd_own_reached(&own, 5);
	cr_expect(etcd_own_next(&own, &record));
	cr_expect_eq(record.revision, 5);
}
