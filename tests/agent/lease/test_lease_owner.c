// SPDX-License-Identifier: GPL-2.0-or-later
/* Nodes tell each other of their own addresses, and none claims another one's. */
#include <errno.h>
#include <string.h>
#include <criterion/criterion.h>

#include "lease_machine.h"
#include "lease_owner.h"
#include "lease_peer.h"
#include "quiet.h"

#define START	UINT64_C(1000000000000)
#define SESSION 7

static const char id[] = "0123456789abcdef0123456789abcdef";
static const struct address vip = { { [10] = 0xff, [11] = 0xff, 198, 18, 0, 1 } };
static const struct address own = { { [10] = 0xff, [11] = 0xff, 198, 18, 0, 9 } };

static struct record beat, claim; /* written by node-1, and not in the view yet */
static struct heartbeat last;	  /* that it wrote */
static unsigned int claims, releases, gained, owners_told;
static uint64_t now, revision, random_number;
static enum lease_loss loss;

static void swap(struct store *store, const struct record *record)
{
	if (record->kind == RECORD_HEARTBEAT) {
		beat = *record;
		last = record->heartbeat;
		return;
	}
	claim = *record;
	claims += record->claim.holder[0] != '\0';
	releases += !record->claim.holder[0];
}

static void follow(struct store *store, bool followed)
{
}

static void on_gained(const struct address *address, uint8_t slot, void *userdata)
{
	gained++;
}

static int on_lost(const struct address *address, enum lease_loss reason, void *userdata)
{
	loss = reason;
	return 0;
}

static void on_owners(void *userdata)
{
	owners_told++;
}

static const struct lease_callbacks callbacks = {
	.gained = on_gained,
	.lost = on_lost,
	.purge = quiet_purge,
	.present = quiet_present,
	.stamp = quiet_stamp,
	.stamped = quiet_stamped,
	.changed = quiet_changed,
	.state = quiet_state,
	.owners = on_owners,
	.log = quiet_log,
};

static uint64_t clock_now(void *userdata)
{
	return now;
}

static uint64_t clock_random(void *userdata)
{
	return ++random_number;
}

static void tell(struct lease_machine *machine, struct record record)
{
	record.revision = ++revision;
	lease_machine_events.record(&record, machine);
}

/* node-2's, which has @address as its own, if that isn't NULL. */
static void tell_other(struct lease_machine *machine, enum heartbeat_state state,
		       const struct address *address)
{
	struct record other = {
		.kind = RECORD_HEARTBEAT,
		.shape = RECORD_GOOD,
		.node = "node-2",
		.heartbeat = { .session = SESSION,
			       .state = state,
			       .slot = 1,
			       .duration_ms = 2000,
			       .weight = 100 },
	};

	memcpy(other.heartbeat.id, id, RECORD_ID_DIGITS);
	if (address)
		other.heartbeat.own[other.heartbeat.own_count++] = *address;
	tell(machine, other);
}

/* Lets 100 ms pass, in which node-2 lives; what is written is in the view at once. */
static void step(struct lease_machine *machine, const struct address *others_own)
{
	struct record written[] = { beat, claim };

	beat.shape = claim.shape = RECORD_ABSENT;
	for (size_t i = 0; i < 2; i++)
		if (written[i].shape == RECORD_GOOD) {
			lease_machine_events.swapped(&written[i], 0, machine);
			tell(machine, written[i]);
		}
	tell_other(machine, HEARTBEAT_ALIVE, others_own);
	now += 100 * LEASE_NS_PER_MS;
	lease_machine_run(machine);
}

static void pass(struct lease_machine *machine, unsigned int seconds,
		 const struct address *others_own)
{
	for (unsigned int i = 0; i < seconds * 10; i++)
		step(machine, others_own);
}

/* node-1, which wants the vip, and what it finds in the store. */
static struct lease_machine *start(const struct address *others_own)
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
	struct lease_machine *machine;

	claims = releases = gained = owners_told = 0;
	beat = claim = (struct record){};
	now = START;
	machine = lease_machine_new(&config, &callbacks, NULL,
				    &(struct lease_clock){ clock_now, clock_random, quiet_arm,
							   NULL });
	lease_machine_set_store(machine, &store);
	lease_machine_publish(machine, &(struct lease_self){ &own, 1, false });
	lease_machine_want(machine, &vip, NULL);
	lease_machine_settled(machine);
	lease_machine_events.reset(machine);
	tell_other(machine, HEARTBEAT_ALIVE, others_own);
	lease_machine_run(machine);
	cr_expect_eq(owners_told, 0, "a list is no moment of the store until it is complete");
	lease_machine_events.synced(machine);
	lease_machine_run(machine);
	cr_expect_eq(owners_told, 1);
	return machine;
}

static bool is_owned(struct lease_machine *machine)
{
	struct lease_info info = {};

	return !lease_machine_info(machine, &vip, &info) && !strcmp(info.owner, "node-2");
}

Test(lease_owner, a_heartbeat_has_the_nodes_own)
{
	struct lease_machine *machine = start(NULL);

	cr_assert_eq(beat.heartbeat.own_count, 1);
	cr_expect_eq(address_compare(&beat.heartbeat.own[0], &own), 0);
	cr_expect(beat.heartbeat.all);
	pass(machine, 1, NULL);
	cr_expect_not(last.all, "a mere renewal");
	lease_machine_publish(machine, &(struct lease_self){ NULL, 0, false });
	for (unsigned int i = 0; i < 4 && !last.all; i++)
		step(machine, NULL);
	cr_expect_eq(last.own_count, 0);
	cr_expect(last.all);
	lease_machine_free(machine);
}

Test(lease_owner, it_is_no_mere_renewal_if_it_changed)
{
	struct heartbeat old = { .own = { own, vip }, .own_count = 2 }, new = old;

	cr_expect_not(lease_heartbeat_differs(&old, &new));
	new.own_count = 1;
	cr_expect(lease_heartbeat_differs(&old, &new));
	new = old;
	new.own[1] = own;
	cr_expect(lease_heartbeat_differs(&old, &new));
}

Test(lease_owner, another_ones_is_not_claimed_until_its_session_is_over)
{
	static const enum heartbeat_state over[] = { HEARTBEAT_ENDED, HEARTBEAT_DEAD };

	for (size_t i = 0; i < 2; i++) {
		struct lease_machine *machine = start(&vip);
		struct address_list list = {};

		pass(machine, 10, &vip);
		cr_expect_eq(claims, 0);
		cr_expect(is_owned(machine));
		cr_expect_eq(lease_owners_list(machine, &list), 0);
		cr_expect(list.count == 1 && !address_compare(&list.list[0], &vip));
		tell_other(machine, over[i], &vip);
		lease_machine_run(machine);
		cr_expect_eq(owners_told, 2);
		cr_expect_not(is_owned(machine));
		cr_expect_eq(claims, 1);
		address_list_free(&list);
		lease_machine_free(machine);
	}
}

Test(lease_owner, what_becomes_another_ones_is_given_up)
{
	struct lease_machine *machine = start(NULL);

	pass(machine, 10, NULL);
	cr_expect_eq(gained, 1);
	cr_expect_eq(owners_told, 1);
	/* less than the 4 D after which the claim is removed */
	pass(machine, 6, &vip);
	cr_expect(is_owned(machine));
	cr_expect_eq(releases, 1);
	cr_expect_eq(loss, LEASE_LOSS_OWNED);
	cr_expect_eq(gained, 1);
	pass(machine, 10, NULL);
	cr_expect_eq(gained, 2, "it isn't any more");
	lease_machine_free(machine);
}

/* A node must not stay away from what it has itself. */
Test(lease_owner, its_own_is_another_matter)
{
	struct lease_machine *machine = start(NULL);

	lease_machine_publish(machine, &(struct lease_self){ &vip, 1, false });
	pass(machine, 10, NULL);
	cr_expect_eq(gained, 1);
	lease_machine_free(machine);
}

Test(lease_owner, who_asks_takes_part_although_it_wants_nothing)
{
	struct lease_machine *machine = start(NULL);
	struct lease_status status;

	lease_machine_publish(machine, &(struct lease_self){ &own, 1, true });
	lease_machine_unwant(machine, &vip);
	pass(machine, 40, NULL);
	lease_machine_status(machine, &status);
	cr_expect_eq(status.state, LEASE_ACTIVE);
	lease_machine_publish(machine, &(struct lease_self){ &own, 1, false });
	pass(machine, 40, NULL);
	lease_machine_status(machine, &status);
	cr_expect_eq(status.state, LEASE_IDLE);
	lease_machine_free(machine);
}

Test(lease_owner, not_known_before_the_view_is)
{
	struct lease_machine *machine = start(NULL);
	struct address_list list = {};

	cr_expect_eq(lease_owners_list(machine, &list), 0);
	cr_expect_eq(list.count, 0);
	lease_machine_free(machine);
	machine = lease_machine_new(
		&(struct lease_config){ .node = "node-1", .id = id }, &callbacks, NULL,
		&(struct lease_clock){ clock_now, clock_random, quiet_arm, NULL });
	cr_expect_eq(lease_owners_list(machine, &list), -EAGAIN);
	lease_machine_free(machine);
}
