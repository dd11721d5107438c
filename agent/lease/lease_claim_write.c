// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>

#include "lease_claim_table.h"
#include "lease_claim_write.h"

/* What will be written in place of @claim: what is there, to begin with. */
static struct record record_of(const struct lease_claim *claim)
{
	struct record record = {
		.kind = RECORD_CLAIM,
		.shape = RECORD_GOOD,
		.revision = claim->revision,
		.address = claim->address,
	};

	if (claim->shape != RECORD_GOOD)
		return record;
	if (claim->holder)
		node_name_copy(record.claim.holder, claim->holder->name);
	if (claim->wish)
		node_name_copy(record.claim.wish, claim->wish->name);
	record.claim.session = claim->session;
	record.claim.wish_session = claim->wish_session;
	record.claim.moved = claim->moved;
	record.claim.transitions = claim->transitions;
	record.claim.unsettled = claim->unsettled;
	return record;
}

bool lease_claim_tried(const struct lease_claim *claim, uint64_t now)
{
	return claim->tried_revision == claim->revision && now < claim->retry_ns;
}

bool lease_claim_may_write(struct lease_machine *machine, struct lease_claim *claim, uint64_t now)
{
	if (claim->busy)
		return false;
	if (lease_claim_tried(claim, now)) {
		lease_claim_due(machine, claim, claim->retry_ns);
		return false;
	}
	if (!lease_claims_have_room(machine, now)) {
		lease_claim_wait(machine, claim);
		return false;
	}
	return true;
}

static void claim_write(struct lease_machine *machine, struct lease_claim *claim,
			const struct record *record, uint64_t now)
{
	claim->busy = true;
	claim->tried_revision = claim->revision;
	claim->retry_ns = now + machine->retry_period_ns;
	machine->swaps++;
	machine->store->swap(machine->store, record);
}

/* Writes @record over @claim, or looks at @claim again when it may. */
static void claim_swap(struct lease_machine *machine, struct lease_claim *claim,
		       const struct record *record, uint64_t now)
{
	if (lease_claim_may_write(machine, claim, now))
		claim_write(machine, claim, record, now);
}

/* The store can't keep up. */
static void swaps_fewer(struct lease_machine *machine)
{
	machine->swaps_max = (machine->swaps_max + 1) / 2;
	if (machine->swaps_max < machine->store->swaps_min)
		machine->swaps_max = machine->store->swaps_min;
}

static void swaps_more(struct lease_machine *machine, size_t more)
{
	machine->swaps_max += more;
	if (machine->swaps_max > machine->store->swaps_max)
		machine->swaps_max = machine->store->swaps_max;
}

void lease_claims_renewed(struct lease_machine *machine, uint64_t now)
{
	if (lease_renewal_is_late(machine, now))
		swaps_fewer(machine);
	else if (machine->waiting)
		swaps_more(machine, machine->store->swaps_min);
	else if (!machine->swaps)
		/* what it could take long ago says nothing */
		machine->swaps_max = machine->store->swaps_min;
}

void lease_claim_swapped(struct lease_machine *machine, const struct record *record, int result)
{
	struct lease_claim *claim = lease_claim_find(machine, &record->address);
	uint64_t now = lease_now(machine);

	machine->swaps--;
	/* a store that can't keep up is asked for less: the renewals must come through */
	if (result && result != -EAGAIN)
		swaps_fewer(machine);
	else if (claim && !lease_renewal_is_late(machine, now) &&
		 now - (claim->retry_ns - machine->retry_period_ns) < lease_late_ns(machine) / 2)
		swaps_more(machine, 1);
	if (claim) {
		claim->busy = false;
		/* it may not remove records, and needn't try each retryPeriod */
		if (result && record->shape == RECORD_ABSENT)
			claim->free_ns = 0;
		lease_claim_queue(machine, claim);
	}
}

void lease_claim_take(struct lease_machine *machine, struct lease_claim *claim, uint64_t now)
{
	struct record record = record_of(claim);

	node_name_copy(record.claim.holder, machine->self->name);
	record.claim.session = machine->session.id;
	/* it stays at the last number that there is: no node decides by it */
	record.claim.transitions += record.claim.transitions < RECORD_TRANSITIONS_MAX;
	record.claim.taken = true;
	record.claim.service = *claim->service;
	/* a wish is fulfilled or void now; one of a person is remembered */
	if (!claim->moved || claim->wish != machine->self) {
		record.claim.wish[0] = '\0';
		record.claim.moved = false;
	}
	record.claim.wish_session = 0;
	/* an absence that the view shows may be over, and be another one: only a revision can't */
	record.claim.unsettled = claim->shape == RECORD_ABSENT || now < claim->settled_ns;
	claim_swap(machine, claim, &record, now);
}

void lease_claim_release(struct lease_machine *machine, struct lease_claim *claim, uint64_t now)
{
	struct record record = record_of(claim);

	record.claim.holder[0] = '\0';
	record.claim.session = 0;
	claim_swap(machine, claim, &record, now);
}

void lease_claim_settle(struct lease_machine *machine, struct lease_claim *claim, uint64_t now)
{
	struct record record = record_of(claim);

	record.claim.unsettled = false;
	claim_swap(machine, claim, &record, now);
}

void lease_claim_ask(struct lease_machine *machine, struct lease_claim *claim, uint64_t now)
{
	struct record record = record_of(claim);

	node_name_copy(record.claim.wish, machine->self->name);
	record.claim.wish_session = machine->session.id;
	record.claim.moved = claim->moved && claim->wish == machine->self;
	claim_swap(machine, claim, &record, now);
}

void lease_claim_move(struct lease_machine *machine, struct lease_claim *claim,
		      const struct lease_peer *peer, uint64_t session, uint64_t now)
{
	struct record record = record_of(claim);

	node_name_copy(record.claim.wish, peer->name);
	record.claim.wish_session = session;
	record.claim.moved = true;
	claim_write(machine, claim, &record, now);
}

void lease_claim_remove(struct lease_machine *machine, struct lease_claim *claim, uint64_t now)
{
	struct record record = record_of(claim);

	record.shape = RECORD_ABSENT;
	claim_swap(machine, claim, &record, now);
}
