// SPDX-License-Identifier: GPL-2.0-or-later
/* Many nodes whose streams show renewals to those alone that watch: who watches whom, how much a
 * round of renewals is to all of them together, and what one believes of those it doesn't watch. */
#include <stdio.h>
#include <string.h>
#include <criterion/criterion.h>

#include "lease_machine.h"
#include "quiet.h"

#define NODES	    200
#define START	    UINT64_C(1000000000000)
#define DURATION_MS 2000
#define SESSION	    100 /* node N's is more by N */

static const char id[] = "0123456789abcdef0123456789abcdef";
static const struct address vip = { { [10] = 0xff, [11] = 0xff, 198, 18, 0, 1 } };

static uint64_t now, revision;
static unsigned int watched_by[NODES]; /* how many watch each node */
static bool watched[NODES];	       /* by the machine that chose last */
static struct record beat, dead;
static bool claimed;

static void name_of(unsigned int number, char name[RECORD_NODE_MAX + 1])
{
	snprintf(name, RECORD_NODE_MAX + 1, "node-%u", number);
}

static void swap(struct store *store, const struct record *record)
{
	if (record->kind == RECORD_CLAIM)
		claimed = true;
	else if (record->heartbeat.state == HEARTBEAT_DEAD)
		dead = *record;
	else
		beat = *record;
}

static void follow(struct store *store, bool followed)
{
}

static void watch(struct store *store, const char *const *nodes, size_t count)
{
	memset(watched, false, sizeof(watched));
	for (size_t i = 0; i < count; i++) {
		watched[strtoul(nodes[i] + strlen("node-"), NULL, 10)] = true;
		watched_by[strtoul(nodes[i] + strlen("node-"), NULL, 10)]++;
	}
}

static uint64_t clock_now(void *userdata)
{
	return now;
}

static uint64_t clock_random(void *userdata)
{
	return 7;
}

/* What node 0 has sent of its own is in the store, and in its view. */
static void confirm(struct lease_machine *machine)
{
	if (strcmp(beat.node, "node-0") != 0)
		return;
	beat.revision = ++revision;
	lease_machine_events.swapped(&beat, 0, machine);
	lease_machine_events.record(&beat, machine);
	lease_machine_run(machine);
	beat.node[0] = '\0';
}

/* Time passes, in which its session is renewed. */
static void later(struct lease_machine *machine, uint64_t ms)
{
	for (uint64_t step = 0; step < ms; step += 50) {
		now += 50 * LEASE_NS_PER_MS;
		lease_machine_run(machine);
		confirm(machine);
	}
}

static struct record heartbeat(unsigned int number, enum heartbeat_state state)
{
	struct record record = {
		.kind = RECORD_HEARTBEAT,
		.shape = RECORD_GOOD,
		.revision = ++revision,
		.heartbeat = { .session = SESSION + number,
			       .state = state,
			       .slot = 1,
			       .duration_ms = DURATION_MS,
			       .weight = 100 },
	};

	name_of(number, record.node);
	memcpy(record.heartbeat.id, id, RECORD_ID_DIGITS);
	record.heartbeat.id[0] = 'f';
	return record;
}

/* Node @number, which wants the address that node @holder has, in its first session; all others
 * live. */
static struct lease_machine *start(unsigned int number, unsigned int holder)
{
	static struct store store = {
		.swaps_min = 64, .swaps_max = 64, .swap = swap, .follow = follow, .watch = watch
	};
	static char name[RECORD_NODE_MAX + 1];
	static struct lease_config config = {
		.id = id,
		.timing = { DURATION_MS * LEASE_NS_PER_MS, 1200 * LEASE_NS_PER_MS,
			    300 * LEASE_NS_PER_MS },
		.weight = 100,
	};
	struct record claim = { .kind = RECORD_CLAIM,
				.shape = RECORD_GOOD,
				.revision = 1,
				.address = vip,
				.claim = { .session = SESSION + holder } };
	struct lease_machine *machine;

	name_of(number, name);
	name_of(holder, claim.claim.holder);
	config.node = name;
	now = START;
	revision = 1;
	machine = quiet_machine(&config, &store, &vip, clock_now, clock_random);
	lease_machine_events.reset(machine);
	for (unsigned int n = 0; n < NODES; n++) {
		struct record other = heartbeat(n, HEARTBEAT_ALIVE);

		if (n != number)
			lease_machine_events.record(&other, machine);
	}
	lease_machine_events.record(&claim, machine);
	lease_machine_events.synced(machine);
	lease_machine_run(machine);
	/* its session begins */
	beat.revision = ++revision;
	lease_machine_events.swapped(&beat, 0, machine);
	lease_machine_events.record(&beat, machine);
	lease_machine_run(machine);
	beat.node[0] = '\0';
	return machine;
}

/* One event for the node itself and one for each that watches it, 200 nodes each 2 s: 900 a second,
 * where all together would get 20,000 if each followed all. */
Test(lease_watch, a_round_of_renewals_is_nine_events_a_node)
{
	for (unsigned int n = 0; n < NODES; n++)
		lease_machine_free(start(n, n ? 0 : 1));
	for (unsigned int n = 0; n < NODES; n++)
		cr_expect_eq(watched_by[n], LEASE_WATCHERS, "node-%u is watched by %u", n,
			     watched_by[n]);
}

static unsigned int first(bool is_watched)
{
	unsigned int n = 1;

	while (watched[n] != is_watched)
		n++;
	return n;
}

/* The machine of node 0, whose claim is a node's that it watches, or doesn't. */
static struct lease_machine *start_beside(bool is_watched, unsigned int *ret_holder)
{
	lease_machine_free(start(0, 1));
	*ret_holder = first(is_watched);
	claimed = false;
	dead.node[0] = '\0';
	return start(0, *ret_holder);
}

/* Anything may have been there between an absence that others saw and what was written over it. */
Test(lease_watch, what_was_written_over_an_absence_is_believed_after_a_duration)
{
	for (int unsettled = 0; unsettled < 2; unsettled++) {
		unsigned int holder;
		struct lease_machine *machine = start_beside(false, &holder);
		struct record shown = heartbeat(holder, HEARTBEAT_DEAD);

		later(machine, 5000);
		shown.revision = ++revision;
		shown.heartbeat.unsettled = unsettled;
		lease_machine_events.record(&shown, machine);
		later(machine, 1000);
		cr_expect_eq(claimed, !unsettled);
		later(machine, 1500);
		cr_expect(claimed);
		lease_machine_free(machine);
	}
}

static unsigned int count_watched(void)
{
	unsigned int count = 0;

	for (unsigned int n = 0; n < NODES; n++)
		count += watched[n];
	return count;
}

/* The others that watched it may have died with it. */
Test(lease_watch, who_saw_a_node_die_watches_more_for_a_while)
{
	for (int is_watched = 0; is_watched < 2; is_watched++) {
		unsigned int holder;
		struct lease_machine *machine = start_beside(is_watched, &holder);
		struct record shown = heartbeat(holder, HEARTBEAT_DEAD);

		later(machine, 500);
		shown.revision = ++revision;
		lease_machine_events.record(&shown, machine);
		later(machine, 500);
		cr_expect_eq(count_watched(),
			     LEASE_WATCHERS * (is_watched ? LEASE_WATCHERS_MORE : 1));
		later(machine, 2ULL * DURATION_MS);
		cr_expect_eq(count_watched(), LEASE_WATCHERS);
		lease_machine_free(machine);
	}
}

/* Silence of a node that it doesn't watch says nothing; of one that it watches it counts from when
 * its heartbeat was first shown. */
Test(lease_watch, only_who_is_watched_is_declared_dead)
{
	for (int is_watched = 0; is_watched < 2; is_watched++) {
		unsigned int holder;
		struct lease_machine *machine = start_beside(is_watched, &holder);
		char name[RECORD_NODE_MAX + 1];
		struct record pulse = heartbeat(holder, HEARTBEAT_ALIVE);

		name_of(holder, name);
		later(machine, 900);
		lease_machine_events.pulses_reset(machine);
		lease_machine_events.pulse(&pulse, machine);
		later(machine, 1950);
		cr_expect_str_eq(dead.node, "");
		later(machine, 100);
		cr_expect_str_eq(dead.node, is_watched ? name : "");
		cr_expect(!is_watched || (dead.heartbeat.all && dead.revision == pulse.revision));
		lease_machine_free(machine);
	}
}
