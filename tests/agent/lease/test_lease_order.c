// SPDX-License-Identifier: GPL-2.0-or-later
/* With preempt a node asks for addresses that others hold: only for those that it is the first for
 * by what all know, that it could claim, and not over and over. */
#include <errno.h>
#include <string.h>
#include <criterion/criterion.h>

#include "lease_claim_table.h"
#include "lease_machine.h"
#include "lease_order.h"
#include "lease_rank.h"
#include "quiet.h"

#define MS	 LEASE_NS_PER_MS
#define DURATION (2000 * MS)
#define SESSION	 100
#define OTHERS	 50 /* the other node's first session */

static uint64_t now, revision, sequence;
static struct lease_machine *machine;
static unsigned int asked;
static uint64_t others;		  /* the other node's session */
static struct record beat, claim; /* on their way, */
static bool beats, claims;	  /* if so */

static void swap(struct store *store, const struct record *record)
{
	if (record->kind == RECORD_HEARTBEAT) {
		beat = *record;
		beats = true;
		return;
	}
	asked += !strcmp(record->claim.wish, "node-1");
	claim = *record;
	claims = true;
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

static void tell(struct record record)
{
	record.revision = ++revision;
	lease_machine_events.record(&record, machine);
	lease_machine_run(machine);
}

/* node-2's heartbeat, in @groups. */
static void tell_other(const uint64_t groups[RECORD_GROUPS_MAX])
{
	struct record other = { .kind = RECORD_HEARTBEAT,
				.shape = RECORD_GOOD,
				.node = "node-2",
				.heartbeat = { .session = others,
					       .sequence = ++sequence,
					       .state = HEARTBEAT_ALIVE,
					       .duration_ms = 2000,
					       .weight = 100 } };

	memset(other.heartbeat.id, 'f', RECORD_ID_DIGITS);
	if (groups)
		memcpy(other.heartbeat.groups, groups, sizeof(other.heartbeat.groups));
	tell(other);
}

/* node-2 holds @address, or nobody does. */
static void tell_claim(const struct address *address, bool held)
{
	struct record record = { .kind = RECORD_CLAIM, .shape = RECORD_GOOD, .address = *address };

	if (held) {
		strcpy(record.claim.holder, "node-2");
		record.claim.session = OTHERS;
	}
	tell(record);
}

static void pass(uint64_t ns)
{
	for (uint64_t end = now + ns; now < end; now += 10 * MS) {
		lease_machine_run(machine);
		if (claims)
			lease_machine_events.swapped(&claim, -EAGAIN, machine);
		claims = false;
		if (!beats)
			continue;
		beats = false;
		beat.revision = ++revision;
		lease_machine_events.swapped(&beat, 0, machine);
		lease_machine_events.record(&beat, machine);
		tell_other(NULL);
	}
}

/* An address for which node-1 goes before node-2 by its hash, or after it. */
static struct address address_of(bool first)
{
	struct address address = { { [10] = 0xff, [11] = 0xff, 198, 18, 0, 1 } };

	while ((lease_rank_score(&address, "node-1", 100) >
		lease_rank_score(&address, "node-2", 100)) != first)
		address.bytes[15]++;
	return address;
}

static void start(const struct address *address)
{
	static struct store store = {
		.swaps_min = 64, .swaps_max = 64, .swap = swap, .follow = follow
	};
	static const struct lease_config config = {
		.id = "0123456789abcdef0123456789abcdef",
		.node = "node-1",
		.timing = { DURATION, 1200 * MS, 300 * MS },
		.weight = 100,
		.preempt = true,
	};

	now = UINT64_C(1000000000000);
	asked = 0;
	others = OTHERS;
	machine = quiet_machine(&config, &store, address, clock_now, clock_random);
	lease_machine_events.reset(machine);
	tell_other(NULL);
	tell_claim(address, true);
	lease_machine_events.synced(machine);
}

/* Its heartbeat has no room for the first of them, and so the others don't know of it. */
Test(lease_order, a_node_counts_itself_by_what_it_tells_the_others)
{
	const struct address first = address_of(false);
	uint64_t groups[RECORD_GROUPS_MAX];

	start(&first);
	for (unsigned int i = 0; i <= RECORD_GROUPS_MAX; i++) {
		struct lease_preference preference = { .group = { i + 1, true } };
		struct address address = first;

		address.bytes[14] = i;
		lease_machine_want(machine, &address, &preference);
		if (i)
			groups[i - 1] = i + 1;
	}
	tell_other(groups);
	cr_expect_eq(lease_claim_rank(machine, lease_claim_find(machine, &first), now), 1);
	lease_machine_free(machine);
}

/* Each time it is too late. */
Test(lease_order, asks_once_in_a_duration)
{
	const struct address address = address_of(true);

	start(&address);
	for (unsigned int i = 0; i < 100; i++) {
		pass(100 * MS);
		tell_claim(&address, i % 2);
	}
	cr_expect_geq(asked, 2);
	cr_expect_leq(asked, 5, "%u times in five durations", asked);
	lease_machine_free(machine);
}

Test(lease_order, asks_once_it_could_claim)
{
	const struct address address = address_of(true);
	const struct record gone = { .kind = RECORD_CLAIM, .address = address };

	start(&address);
	pass(3 * DURATION / 4);
	cr_expect_eq(asked, 0);
	tell(gone);
	tell_claim(&address, true);
	pass(3 * DURATION / 4);
	cr_expect_eq(asked, 0, "the record vanished less than a duration before");
	pass(DURATION / 2);
	cr_expect_eq(asked, 1);
	lease_machine_free(machine);
}

/* Where its carrier on one of two interfaces is lost, say: the other node may have both. Where both
 * have lost it, the order is as before. */
Test(lease_order, a_last_resort_waits_although_it_is_the_first)
{
	const struct lease_preference last = { .last_resort = true };

	for (unsigned int rank = 0; rank < 2; rank++) {
		const struct address address = address_of(!rank);
		const struct lease_claim *claim;

		start(&address);
		claim = lease_claim_find(machine, &address);
		if (!rank)
			cr_expect_eq(lease_claim_take_from(machine, claim, now), claim->free_ns);
		lease_machine_want(machine, &address, &last);
		cr_expect_eq(lease_claim_take_from(machine, claim, now),
			     claim->free_ns + (300 + rank * 50) * MS);
		lease_machine_free(machine);
	}
}

/* Where nodes come and go there is always one that began its session a moment ago. */
Test(lease_order, who_comes_after_it_was_free_is_not_waited_for)
{
	const struct address address = address_of(false);
	const struct record gone = { .kind = RECORD_CLAIM, .address = address };
	const struct lease_claim *claim;

	start(&address);
	claim = lease_claim_find(machine, &address);
	tell(gone);
	pass(3 * DURATION / 2);
	others++;
	tell_other(NULL);
	cr_assert_neq(claim->free_ns, 0);
	cr_expect_eq(lease_claim_take_from(machine, claim, now),
		     claim->free_ns + DURATION + 250 * MS);
	tell_claim(&address, false);
	pass(100 * MS);
	others++;
	tell_other(NULL);
	cr_expect_eq(lease_claim_take_from(machine, claim, now), claim->free_ns + 550 * MS);
	lease_machine_free(machine);
}
