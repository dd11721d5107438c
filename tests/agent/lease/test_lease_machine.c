// SPDX-License-Identifier: GPL-2.0-or-later
/* An agent is killed and started again within its lease: what it does about the claims of the
 * process before. The simulation (tests/agent/lease/sim.c) finds this too, in one of 100,000
 * histories. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <criterion/criterion.h>

#include "clock.h"
#include "lease_machine.h"
#include "quiet.h"

#define START	UINT64_C(1000000000000)
#define AHEAD	(START + CLOCK_NS_PER_S)
#define HOUR_MS 3600000
#define SESSION 7
#define SLOT	3

static const char id[] = "0123456789abcdef0123456789abcdef";
static const struct address vip = { { [10] = 0xff, [11] = 0xff, 198, 18, 0, 1 } };

/* What was done, a letter each: h heartbeat, e heartbeat that ends the session, r release of the
 * claim, c other write of a claim, d node-2 declared dead, g gained, l lost, p purge, s stamp. */
static char done[4096];
static int present;	   /* whether the process before left an entry, or an error */
static unsigned int looks; /* for an entry */
static struct record beat;
static uint64_t now, armed, later;
static unsigned int clock_reads;
static uint64_t tick;  /* that each look at the clock takes */
static uint64_t alone; /* the stamp of an agent without a store */
static bool following;
static uint8_t former_slot = SLOT; /* of the process before */
static unsigned int addresses = 1; /* that are wanted, from vip on */

static struct address address_at(unsigned int number)
{
	struct address address = vip;

	address.bytes[14] = number >> 8;
	address.bytes[15] += number;
	return address;
}

static void note(char what)
{
	done[strlen(done)] = what;
}

static void swap(struct store *store, const struct record *record)
{
	if (record->kind == RECORD_CLAIM) {
		note(record->claim.holder[0] ? 'c' : 'r');
		return;
	}
	if (strcmp(record->node, "node-1") != 0) {
		note('d');
		return;
	}
	note(record->heartbeat.state == HEARTBEAT_ENDED ? 'e' : 'h');
	beat = *record;
}

static void follow(struct store *store, bool followed)
{
	following = followed;
}

static void on_gained(const struct address *address, uint8_t slot, void *userdata)
{
	note('g');
}

static int on_lost(const struct address *address, enum lease_loss reason, void *userdata)
{
	note('l');
	return 0;
}

static int on_purge(void *userdata)
{
	note('p');
	return 0;
}

static int on_present(const struct address *address, void *userdata)
{
	looks++;
	return present;
}

static int on_stamp(uint8_t slot, uint64_t deadline_ns, void *userdata)
{
	note('s');
	return 0;
}

static int on_stamped(uint8_t slot, uint64_t *ret_deadline_ns, void *userdata)
{
	*ret_deadline_ns = slot == SLOT ? AHEAD : slot == 1 ? alone : 0;
	return 0;
}

static const struct lease_callbacks callbacks = {
	.gained = on_gained,
	.lost = on_lost,
	.purge = on_purge,
	.present = on_present,
	.stamp = on_stamp,
	.stamped = on_stamped,
	.changed = quiet_changed,
	.state = quiet_state,
	.owners = quiet_owners,
	.log = quiet_log,
};

static uint64_t clock_now(void *userdata)
{
	clock_reads++;
	return now += tick;
}

static uint64_t clock_random(void *userdata)
{
	return SESSION + 1;
}

static void clock_arm(uint64_t due_ns, void *userdata)
{
	armed = due_ns;
}

static void tell(struct lease_machine *machine, struct record record, uint64_t revision)
{
	record.revision = revision;
	lease_machine_events.record(&record, machine);
	lease_machine_run(machine);
}

/* The claim in the store, as node-2 wishes it if @wished. */
static void tell_claim(struct lease_machine *machine, bool unsettled, bool wished)
{
	struct record claim = {
		.kind = RECORD_CLAIM,
		.shape = RECORD_GOOD,
		.address = vip,
		.claim = { .holder = "node-1", .session = SESSION, .unsettled = unsettled },
	};

	if (wished) {
		strcpy(claim.claim.wish, "node-2");
		claim.claim.wish_session = SESSION + 2;
	}
	tell(machine, claim, 3 + wished);
}

/* The claim on an address in the store. */
static void tell_holder(struct lease_machine *machine, unsigned int number, const char *holder,
			uint64_t session, uint64_t revision)
{
	struct record claim = { .kind = RECORD_CLAIM,
				.shape = RECORD_GOOD,
				.address = address_at(number),
				.claim = { .session = session } };

	snprintf(claim.claim.holder, sizeof(claim.claim.holder), "%s", holder);
	tell(machine, claim, revision);
}

/* node-1 starts, is asked to stop if @stop, and is told of what is in the store. */
static struct lease_machine *start(bool unsettled, bool stop)
{
	static const struct lease_config config = {
		.node = "node-1",
		.id = id,
		.timing = { 2000 * LEASE_NS_PER_MS, 1200 * LEASE_NS_PER_MS, 300 * LEASE_NS_PER_MS },
		.weight = 100,
	};
	static struct store store = {
		.swaps_min = 64, .swaps_max = 64, .swap = swap, .follow = follow
	};
	struct record heartbeat = {
		.kind = RECORD_HEARTBEAT,
		.shape = RECORD_GOOD,
		.node = "node-1",
		.heartbeat = { .session = SESSION,
			       .sequence = 1,
			       .state = HEARTBEAT_ALIVE,
			       .slot = former_slot,
			       .duration_ms = 2000,
			       .weight = 100 },
	};
	struct lease_machine *machine;

	memset(done, 0, sizeof(done));
	now = START + later;
	machine = lease_machine_new(&config, &callbacks, NULL,
				    &(struct lease_clock){ clock_now, clock_random, clock_arm,
							   NULL });
	lease_machine_set_store(machine, &store);
	for (unsigned int i = 0; i < addresses; i++) {
		struct address address = address_at(i);

		lease_machine_want(machine, &address, NULL);
	}
	lease_machine_settled(machine);
	if (stop)
		lease_machine_stop(machine);
	lease_machine_events.reset(machine);
	memcpy(heartbeat.heartbeat.id, id, RECORD_ID_DIGITS);
	tell(machine, heartbeat, 1);
	strcpy(heartbeat.node, "node-2");
	heartbeat.heartbeat.id[0] = 'f';
	heartbeat.heartbeat.session = SESSION + 2;
	tell(machine, heartbeat, 2);
	tell_claim(machine, unsettled, false);
	for (unsigned int i = 1; i < addresses; i++)
		tell_holder(machine, i, "node-1", SESSION, 3);
	lease_machine_events.synced(machine);
	lease_machine_run(machine);
	return machine;
}

static void renewed(struct lease_machine *machine)
{
	lease_machine_events.swapped(&beat, 0, machine);
	tell(machine, beat, 5);
}

static void expect(struct lease_machine *machine, const char *steps)
{
	cr_expect_str_eq(done, steps);
	lease_machine_free(machine);
}

Test(lease_machine, goes_on_with_the_entries_that_are_there)
{
	present = 1;
	for (int unsettled = 0; unsettled < 2; unsettled++) {
		struct lease_machine *machine = start(unsettled, false);

		cr_expect_str_eq(done, "h");
		renewed(machine);
		expect(machine, "hpsg");
	}
}

/* Its own last one, and those of processes before it, which may be in the view late: none tells
 * when this one's was sent. */
Test(lease_machine, another_processs_renewal_is_not_its_own)
{
	struct lease_machine *machine;
	struct record former;

	present = 1;
	lease_machine_free(start(false, false));
	former = beat;
	later = 100 * LEASE_NS_PER_MS;
	machine = start(false, false);
	tell(machine, former, 5);
	expect(machine, "h");
}

/* More claims than are looked at in a turn, one of which is another node's by the next turn. */
Test(lease_machine, looks_for_entries_in_turns)
{
	struct lease_machine *machine;

	present = 1;
	addresses = 1200;
	machine = start(false, false);
	tell_holder(machine, 0, "node-2", SESSION + 2, 4);
	cr_assert_lt(looks, addresses);
	while (!done[0]) {
		unsigned int before = looks;

		cr_assert_leq(armed, now);
		lease_machine_run(machine);
		cr_assert_leq(looks - before, 512);
	}
	cr_expect_eq(looks, addresses);
	tell_holder(machine, 0, "node-2", SESSION + 2, 5);
	tell_holder(machine, 1, "", 0, 5);
	expect(machine, "hl");
}

/* The stamp runs out amid them: another session begins, whose claims have no entry yet. */
Test(lease_machine, begins_anew_when_looking_takes_too_long)
{
	struct lease_machine *machine;

	present = 1;
	addresses = 1200;
	machine = start(false, false);
	cr_expect_str_eq(done, "");
	now = AHEAD;
	lease_machine_run(machine);
	cr_expect_eq(done[0], 'p');
	cr_expect_eq(strspn(done + 1, "l"), looks);
	cr_expect_str_eq(done + strlen(done) - 1, "h");
	memset(done, 0, sizeof(done));
	renewed(machine);
	cr_expect_eq(strcspn(done, "l"), strlen(done));
	lease_machine_free(machine);
}

Test(lease_machine, gives_up_what_is_wished_once_the_entry_is_gone)
{
	present = 1;
	for (int unsettled = 0; unsettled < 2; unsettled++) {
		struct lease_machine *machine = start(unsettled, false);

		tell_claim(machine, unsettled, true);
		expect(machine, "hlr");
	}
}

/* The process before may have sent a release, which comes to the store only now. */
Test(lease_machine, gives_up_what_has_no_entry)
{
	struct lease_machine *machine = start(false, false);

	renewed(machine);
	expect(machine, "hpsr");
}

Test(lease_machine, does_not_go_on_while_the_entries_are_not_known)
{
	present = -EAGAIN;
	expect(start(false, false), "");
}

Test(lease_machine, ends_a_session_once_its_entries_are_gone)
{
	expect(start(false, true), "pe");
}

/* The heartbeat of another node, last seen @state, whose leases last for an hour. */
static void tell_long(struct lease_machine *machine, enum heartbeat_state state)
{
	struct record heartbeat = {
		.kind = RECORD_HEARTBEAT,
		.shape = RECORD_GOOD,
		.node = "node-3",
		.heartbeat = { .session = SESSION + 3, .state = state, .duration_ms = HOUR_MS },
	};

	memcpy(heartbeat.heartbeat.id, id, RECORD_ID_DIGITS);
	tell(machine, heartbeat, 4);
}

/* Is an address that nobody had written @seconds after the view began? */
static bool takes_new(enum heartbeat_state state, unsigned int seconds)
{
	static const struct address another = { { [10] = 0xff, [11] = 0xff, 198, 18, 0, 2 } };
	struct lease_machine *machine;
	bool taken = false;

	present = 1;
	machine = start(false, false);
	tell_long(machine, state);
	renewed(machine);
	memset(done, 0, sizeof(done));
	for (unsigned int i = 0; i < seconds * 10 && !taken; i++) {
		now += 100 * LEASE_NS_PER_MS;
		lease_machine_want(machine, &another, NULL);
		lease_machine_run(machine);
		taken = strchr(done, 'c');
		/* each renewal is confirmed at once */
		if (strchr(done, 'h')) {
			lease_machine_events.swapped(&beat, 0, machine);
			tell(machine, beat, 10 + i);
		}
		memset(done, 0, sizeof(done));
	}
	lease_machine_free(machine);
	return taken;
}

Test(lease_machine, a_dead_node_with_leases_of_an_hour_holds_no_new_address_back)
{
	cr_expect(takes_new(HEARTBEAT_DEAD, 5));
	cr_expect(takes_new(HEARTBEAT_ENDED, 5));
	cr_expect_not(takes_new(HEARTBEAT_ALIVE, 5), "its entries may still answer");
}

static bool held_lately(struct lease_machine *machine)
{
	struct lease_info info;

	return !lease_machine_info(machine, &vip, &info) && info.lately;
}

/* What is free in the store for long is asked for on the LAN before it is taken. */
Test(lease_machine, knows_what_was_held_within_the_last_duration)
{
	struct record claim = { .kind = RECORD_CLAIM, .shape = RECORD_GOOD, .address = vip };
	struct lease_machine *machine;

	present = 1;
	machine = start(false, false);
	renewed(machine);
	cr_expect(held_lately(machine), "it holds it itself");
	lease_machine_unwant(machine, &vip);
	lease_machine_run(machine);
	lease_machine_events.swapped(&claim, 0, machine);
	tell(machine, claim, 6);
	now += CLOCK_NS_PER_S;
	cr_expect(held_lately(machine), "a second after it was given up");
	now += 2 * CLOCK_NS_PER_S;
	cr_expect_not(held_lately(machine), "three seconds after it was given up");
	lease_machine_free(machine);
}

Test(lease_machine, does_not_know_of_what_it_finds_free_that_it_was_held)
{
	struct record claim = { .kind = RECORD_CLAIM,
				.shape = RECORD_GOOD,
				.address = { { [10] = 0xff, [11] = 0xff, 198, 18, 0, 3 } } };
	struct lease_machine *machine;
	struct lease_info info;

	present = 1;
	machine = start(false, false);
	renewed(machine);
	tell(machine, claim, 6);
	cr_assert_eq(lease_machine_info(machine, &claim.address, &info), 0);
	cr_expect_not(info.lately);
	lease_machine_free(machine);
}

/* Lets @seconds pass; what is written is in the view at once. */
static void pass(struct lease_machine *machine, unsigned int seconds)
{
	static uint64_t revision = 100;

	for (unsigned int i = 0; i < seconds * 10; i++) {
		memset(done, 0, sizeof(done));
		now += 100 * LEASE_NS_PER_MS;
		lease_machine_run(machine);
		if (strpbrk(done, "he")) {
			lease_machine_events.swapped(&beat, 0, machine);
			tell(machine, beat, ++revision);
		}
	}
}

Test(lease_machine, costs_the_store_nothing_while_it_wants_nothing)
{
	struct lease_machine *machine;
	struct lease_status status;

	present = 1;
	machine = start(false, false);
	renewed(machine);
	cr_expect(following);
	lease_machine_unwant(machine, &vip);
	pass(machine, 10);
	cr_expect(following, "it is there to remove what it gave up");
	pass(machine, 10);
	cr_expect_not(following);
	cr_expect_eq(beat.heartbeat.state, HEARTBEAT_ENDED);
	lease_machine_status(machine, &status);
	cr_expect_eq(status.state, LEASE_IDLE);
	lease_machine_want(machine, &vip, NULL);
	lease_machine_run(machine);
	cr_expect(following);
	lease_machine_free(machine);
}

/* What was written may be a change that came late. */
Test(lease_machine, shows_all_nodes_what_follows_a_refusal)
{
	struct lease_machine *machine;

	present = 1;
	machine = start(false, false);
	renewed(machine);
	now += 300 * LEASE_NS_PER_MS;
	lease_machine_run(machine);
	cr_expect_not(beat.heartbeat.all, "a renewal that changes nothing");
	lease_machine_events.swapped(&beat, -EAGAIN, machine);
	now += 300 * LEASE_NS_PER_MS;
	lease_machine_run(machine);
	cr_expect(beat.heartbeat.all);
	lease_machine_free(machine);
}

/* The own heartbeat was deleted and written again, and no answer says so. */
Test(lease_machine, ends_a_session_whose_heartbeat_may_come_late)
{
	const struct record gone = { .kind = RECORD_HEARTBEAT, .node = "node-1" };
	struct lease_machine *machine;

	present = 1;
	machine = start(false, false);
	renewed(machine);
	tell(machine, gone, 0);
	lease_machine_unwant(machine, &vip);
	for (unsigned int i = 0; i < 200 && !strchr(done, 'e'); i++) {
		memset(done, 0, sizeof(done));
		now += 100 * LEASE_NS_PER_MS;
		lease_machine_run(machine);
		if (strchr(done, 'h'))
			lease_machine_events.swapped(&beat, -ETIMEDOUT, machine);
	}
	cr_expect(strchr(done, 'e'));
	cr_expect(following);
	lease_machine_events.swapped(&beat, 0, machine);
	lease_machine_run(machine);
	cr_expect_not(following);
	lease_machine_free(machine);
}

Test(lease_machine, takes_part_for_who_asks)
{
	struct lease_machine *machine;
	struct lease_info info;

	present = 1;
	machine = start(false, false);
	renewed(machine);
	lease_machine_unwant(machine, &vip);
	pass(machine, 20);
	cr_expect_not(following);
	cr_expect_eq(lease_machine_info(machine, &vip, &info), -EAGAIN);
	lease_machine_run(machine);
	cr_expect(following);
	cr_expect_eq(lease_machine_info(machine, &vip, &info), -EAGAIN, "not known yet");
	lease_machine_events.reset(machine);
	tell_claim(machine, false, false);
	lease_machine_events.synced(machine);
	lease_machine_run(machine);
	cr_expect_eq(lease_machine_info(machine, &vip, &info), 0);
	lease_machine_free(machine);
}

Test(lease_machine, does_not_begin_to_follow_before_something_is_wanted)
{
	static const struct lease_config config = {
		.node = "node-1",
		.id = id,
		.timing = { 2000 * LEASE_NS_PER_MS, 1200 * LEASE_NS_PER_MS, 300 * LEASE_NS_PER_MS },
	};
	static struct store store = { .swap = swap, .follow = follow };
	struct lease_machine *machine = lease_machine_new(
		&config, &callbacks, NULL,
		&(struct lease_clock){ clock_now, clock_random, clock_arm, NULL });

	following = false;
	now = AHEAD + 1;
	lease_machine_set_store(machine, &store);
	lease_machine_run(machine);
	cr_expect_not(following);
	lease_machine_want(machine, &vip, NULL);
	lease_machine_run(machine);
	cr_expect(following);
	lease_machine_free(machine);
	/* but one whose former process may have left a session does */
	now = START;
	machine = lease_machine_new(&config, &callbacks, NULL,
				    &(struct lease_clock){ clock_now, clock_random, clock_arm,
							   NULL });
	following = false;
	lease_machine_set_store(machine, &store);
	lease_machine_run(machine);
	cr_expect(following);
	lease_machine_free(machine);
}

Test(lease_machine, many_claims_take_several_turns)
{
	static const struct lease_config config = {
		.node = "node-1",
		.id = id,
		.timing = { 2000 * LEASE_NS_PER_MS, 1200 * LEASE_NS_PER_MS, 300 * LEASE_NS_PER_MS },
	};
	struct lease_machine *machine = lease_machine_new(
		&config, &callbacks, NULL,
		&(struct lease_clock){ clock_now, clock_random, clock_arm, NULL });
	struct lease_status status = {};
	struct address address = vip;
	size_t turns = 0, before = 0, most = 0;

	memset(done, 0, sizeof(done));
	now = AHEAD + 1;
	alone = now + CLOCK_NS_PER_S;
	tick = LEASE_TURN_NS / 2;
	for (; address.bytes[15] <= 10; address.bytes[15]++)
		lease_machine_want(machine, &address, NULL);
	lease_machine_settled(machine);
	for (; !strchr(done, 'p') && turns < 20; turns++) {
		lease_machine_run(machine);
		lease_machine_status(machine, &status);
		if (status.held && status.held < 10)
			cr_expect_leq(armed, now, "it goes on at once");
		most = status.held - before > most ? status.held - before : most;
		before = status.held;
	}
	cr_assert_eq(status.held, 10);
	cr_expect_str_eq(strrchr(done, 'g') + 1, "p", "what isn't held yet would be deleted");
	cr_expect_leq(most, 4, "the rest of the thread runs in between");
	tick = 0;
	lease_machine_free(machine);
}

/* What they were for may be answered by another host since; and a drained node is to have none. */
Test(lease_machine, without_a_store_no_lapsed_entry_is_revived)
{
	static const struct lease_config config = {
		.node = "node-1",
		.id = id,
		.timing = { 2000 * LEASE_NS_PER_MS, 1200 * LEASE_NS_PER_MS, 300 * LEASE_NS_PER_MS },
	};
	static const char *const steps[] = { "ps", "s", "ps" };

	now = AHEAD + 1;
	for (int ahead = 0; ahead < 3; ahead++) {
		struct lease_machine *machine = lease_machine_new(
			&config, &callbacks, NULL,
			&(struct lease_clock){ clock_now, clock_random, clock_arm, NULL });

		memset(done, 0, sizeof(done));
		alone = now + ahead;
		if (ahead == 2)
			lease_machine_drain(machine, true);
		lease_machine_run(machine);
		expect(machine, steps[ahead]);
	}
}

/* A list shows at once that all claims but the first are lost, and that the renewal has come. A
 * turn has time for the first: the stamp, which speaks for all entries, waits until the others' are
 * gone. */
Test(lease_machine, no_renewal_covers_a_claim_that_waits_for_its_turn)
{
	struct record other = { .kind = RECORD_HEARTBEAT,
				.shape = RECORD_GOOD,
				.node = "node-2",
				.heartbeat = { .session = SESSION + 2,
					       .state = HEARTBEAT_ALIVE,
					       .duration_ms = 2000,
					       .weight = 100 } };
	struct lease_machine *machine;

	memcpy(other.heartbeat.id, id, RECORD_ID_DIGITS);
	other.heartbeat.id[0] = 'f';
	present = 1;
	addresses = 3;
	machine = start(false, false);
	renewed(machine);
	cr_expect_str_eq(done, "hpsggg");
	now += 300 * LEASE_NS_PER_MS;
	lease_machine_run(machine);
	cr_expect_str_eq(done, "hpsgggh");
	memset(done, 0, sizeof(done));
	machine->turn_ns = 0;
	lease_machine_events.swapped(&beat, 0, machine);
	lease_machine_events.reset(machine);
	tell(machine, other, 10);
	tell_holder(machine, 0, "node-1", SESSION, 11);
	for (unsigned int i = 1; i < addresses; i++)
		tell_holder(machine, i, "node-2", SESSION + 2, 11 + i);
	tell(machine, beat, 20);
	cr_expect_str_eq(done, "");
	lease_machine_events.synced(machine);
	cr_expect_str_eq(done, "", "what is in one answer has one turn, which comes after it");
	cr_expect_leq(armed, now);
	lease_machine_run(machine);
	expect(machine, "lls");
}

/* How long those count as held takes a look at each node, and a store may have made all of them so.
 */
Test(lease_machine, looks_at_the_nodes_once_for_all_unsettled_claims)
{
	struct lease_machine *machine;

	present = 1;
	machine = start(false, false);
	lease_machine_events.reset(machine);
	for (unsigned int i = 0; i < 100; i++) {
		struct record claim = { .kind = RECORD_CLAIM,
					.shape = RECORD_GOOD,
					.revision = 10 + i,
					.address = address_at(i),
					.claim = { .holder = "node-2", .unsettled = true } };

		lease_machine_events.record(&claim, machine);
	}
	clock_reads = 0;
	lease_machine_events.synced(machine);
	cr_expect_leq(clock_reads, 10, "%u", clock_reads);
	lease_machine_free(machine);
}

/* The store answers; the heartbeat in it is of this agent, in a slot that was never stamped. */
Test(lease_machine, says_what_a_session_waits_for)
{
	struct lease_machine *machine;
	struct lease_status status;

	present = 1;
	former_slot = SLOT + 1;
	machine = start(false, false);
	lease_machine_status(machine, &status);
	cr_assert_neq(status.waits, NULL);
	pass(machine, 3);
	lease_machine_status(machine, &status);
	cr_expect_eq(status.state, LEASE_ACTIVE);
	cr_expect_eq(status.waits, NULL);
	lease_machine_free(machine);
}
