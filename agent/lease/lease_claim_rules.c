// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <syslog.h>

#include "lease_claim_rules.h"
#include "lease_claim_table.h"
#include "lease_claim_write.h"
#include "lease_order.h"
#include "lease_owner.h"
#include "lease_peer.h"

/* A node asks a live holder for an address only after wanting it for this long, or for a lease
 * duration if that is longer: a short-lived endpoint moves no address. */
#define STAYS_MIN_NS (1000 * LEASE_NS_PER_MS)

/* How many entries lease_claims_resume() looks for at a time: some ms. */
#define LOOKS_MAX 512

static bool claim_is_ours(const struct lease_machine *machine, const struct lease_claim *claim)
{
	return lease_session_holds(machine) && claim->shape == RECORD_GOOD &&
	       claim->holder == machine->self && claim->session == machine->session.id;
}

static void claim_lost(struct lease_machine *machine, struct lease_claim *claim)
{
	machine->figures.lost += claim->held;
	machine->figures.held -= claim->held;
	claim->entry = claim->held = claim->yielding = false;
}

/* Deletes the entry. False: it may still be there. */
static bool claim_lose(struct lease_machine *machine, struct lease_claim *claim,
		       enum lease_loss reason)
{
	int r = 0;

	if (claim->entry)
		r = machine->callbacks->lost(&claim->address, reason, machine->userdata);
	if (r < 0) {
		/* -EAGAIN: another writer is active; don't log that for each claim */
		if (r != -EAGAIN)
			lease_log(machine, LOG_ERR,
				  "an entry can't be deleted, its claim is kept: %s", strerror(-r));
		lease_claim_due(machine, claim, lease_now(machine) + machine->retry_period_ns);
		return false;
	}
	claim_lost(machine, claim);
	return true;
}

static void claim_gain(struct lease_machine *machine, struct lease_claim *claim)
{
	claim->entry = claim->held = claim->was_held = true;
	machine->figures.gained++;
	machine->figures.held++;
	machine->callbacks->gained(&claim->address, machine->session.slot, machine->userdata);
}

/* Must the holder give @claim up, and why? */
static bool claim_parts(const struct lease_machine *machine, const struct lease_claim *claim,
			uint64_t now, enum lease_loss *ret_reason)
{
	if (!claim->wanted || claim->yielding || claim->given_up) {
		*ret_reason = LEASE_LOSS_UNWANTED;
		return claim->wanted || machine->settled;
	}
	if (claim->owned) {
		*ret_reason = LEASE_LOSS_OWNED;
		return true;
	}
	if (machine->draining) {
		*ret_reason = LEASE_LOSS_DRAIN;
		return true;
	}
	if (claim->wish != machine->self && lease_wish_stands(machine, claim, now)) {
		*ret_reason = LEASE_LOSS_MOVED;
		return true;
	}
	return false;
}

/* Logs which node's long lease makes the wanted @claim wait. */
static void say_slowest(struct lease_machine *machine, const struct lease_claim *claim,
			uint64_t now)
{
	if (!claim->slowest || now >= claim->settled_ns)
		return;
	if (machine->slowest != claim->slowest || now >= machine->slow_until_ns)
		lease_log(machine, LOG_WARNING,
			  "addresses without a record wait %" PRIu64
			  " ms longer: leases of %s may last so long",
			  (claim->settled_ns - claim->own_settled_ns) / LEASE_NS_PER_MS,
			  claim->slowest->name);
	machine->slowest = claim->slowest;
	if (claim->settled_ns > machine->slow_until_ns)
		machine->slow_until_ns = claim->settled_ns;
}

static void run_ours(struct lease_machine *machine, struct lease_claim *claim, uint64_t now)
{
	enum lease_loss reason;

	/* a release is still in flight */
	if (claim->busy && claim->revision == claim->tried_revision)
		return;
	if (claim_parts(machine, claim, now, &reason)) {
		/* handed over: it would be nobody's until the release is written */
		if (claim->entry && claim->wanted && !claim->owned && !machine->draining &&
		    !lease_claim_may_write(machine, claim, now))
			return;
		if (!claim_lose(machine, claim, reason))
			return;
		claim->given_up = true;
		/* if nodes disagree on who goes first, it changes hands once in a duration at most
		 */
		if (reason == LEASE_LOSS_MOVED)
			claim->wanted_ns = now;
		lease_claim_release(machine, claim, now);
	} else if (claim->wanted && machine->session.phase == SESSION_LIVE) {
		/* we wrote over an absence: the stream may yet show that another's record was
		 * deleted just before, so wait until settled_ns */
		say_slowest(machine, claim, now);
		if (!claim->entry && now < claim->settled_ns)
			lease_claim_due(machine, claim, claim->settled_ns);
		else if (!claim->held)
			claim_gain(machine, claim);
		if (claim->held && claim->unsettled && now >= claim->settled_ns)
			lease_claim_settle(machine, claim, now);
		else if (claim->held && claim->unsettled)
			lease_claim_due(machine, claim, claim->settled_ns);
	}
}

/* Our entry, but not our record. If it was deleted or overwritten by hand, it is written again:
 * nobody else claims it for a full duration. A renewal before that deletes the entry. */
static void run_disputed(struct lease_machine *machine, struct lease_claim *claim, uint64_t now)
{
	machine->disputed = true;
	if ((claim->shape == RECORD_ABSENT || claim->shape == RECORD_FOREIGN) && claim->wanted &&
	    !claim->owned && !claim->yielding && machine->session.phase == SESSION_LIVE)
		lease_claim_take(machine, claim, now);
	else
		claim_lose(machine, claim, LEASE_LOSS_TAKEN);
}

/* Held by a living node: should this node hold it instead? */
static void run_theirs(struct lease_machine *machine, struct lease_claim *claim, uint64_t now)
{
	uint64_t stays_ns =
		machine->duration_ns > STAYS_MIN_NS ? machine->duration_ns : STAYS_MIN_NS;
	uint64_t from = machine->session.began_ns + machine->duration_ns;

	if (!claim->holder || claim->holder == machine->self || claim->last_resort ||
	    claim->shape != RECORD_GOOD)
		return;
	if (claim->wish == machine->self && claim->wish_session == machine->session.id)
		return;
	if (claim->wish == machine->self && claim->moved) {
		/* too early: the holder would give up what we can't claim yet */
		if (now < claim->settled_ns)
			lease_claim_due(machine, claim, claim->settled_ns);
		else
			lease_claim_ask(machine, claim, now);
		return;
	}
	if (!machine->preempt || !machine->weight ||
	    (claim->moved && claim->wish == claim->holder) || lease_claim_rank(machine, claim, now))
		return;
	/* a new node or candidacy must first show that it lasts, and so must a new holder */
	if (from < claim->wanted_ns + stays_ns)
		from = claim->wanted_ns + stays_ns;
	/* as above */
	if (from < claim->settled_ns)
		from = claim->settled_ns;
	if (now < from) {
		lease_claim_due(machine, claim, from);
		return;
	}
	lease_claim_ask(machine, claim, now);
	/* a node that is slow may come too late each time */
	if (claim->busy)
		claim->wanted_ns = now;
}

/* Has the store too many records for another one? Then @claim waits until some of those that were
 * released are removed. */
static bool waits_for_room(struct lease_machine *machine, struct lease_claim *claim, uint64_t now)
{
	if (lease_claim_has_room(machine, claim))
		return false;
	if (now >= machine->full_ns)
		lease_log(machine, LOG_WARNING,
			  "addresses without a record wait: the store has more than %d records, "
			  "those of addresses released a short time ago among them",
			  STORE_CLAIMS_NEW);
	machine->full_ns = now + machine->forget_ns;
	machine->room_ns = now;
	/* all of them at once: each look at what is due walks all claims */
	lease_claim_due(machine, claim,
			(now / machine->retry_period_ns + 1) * machine->retry_period_ns);
	return true;
}

static void run_candidate(struct lease_machine *machine, struct lease_claim *claim, uint64_t now)
{
	/* nodes that start together see each other first, and share what was released */
	uint64_t met = machine->session.began_ns + machine->retry_period_ns;
	uint64_t from = lease_claim_free_from(claim), due;

	if (from == LEASE_NEVER) {
		claim->free_ns = 0;
		claim->was_held = true;
		run_theirs(machine, claim, now);
		return;
	}
	from = from > met ? from : met;
	say_slowest(machine, claim, now);
	if (now < from) {
		lease_claim_due(machine, claim, from);
		return;
	}
	if (!claim->free_ns)
		claim->free_ns = now;
	if (waits_for_room(machine, claim, now))
		return;
	due = lease_claim_take_from(machine, claim, now);
	if (now < due)
		lease_claim_due(machine, claim, due);
	else
		lease_claim_take(machine, claim, now);
}

/* Not to be held here: removes the record once it was free so long that nobody wants it. */
static void run_unwanted(struct lease_machine *machine, struct lease_claim *claim, uint64_t now)
{
	uint64_t from = lease_claim_free_from(claim);

	if (claim->shape != RECORD_GOOD)
		return;
	if (from == LEASE_NEVER) {
		claim->free_ns = 0;
		claim->was_held = true;
		return;
	}
	if (now >= from) {
		claim->free_ns = claim->free_ns ?: now;
		from = lease_claim_remove_from(machine, claim, now);
	}
	if (now < from)
		lease_claim_due(machine, claim, from);
	else
		lease_claim_remove(machine, claim, now);
}

/* Looks whether another node has @claim's address as its own; logs a change. */
static void claim_find_owner(struct lease_machine *machine, struct lease_claim *claim)
{
	const struct lease_peer *owner =
		claim->wanted ? lease_owner_find(machine, &claim->address) : NULL;
	char ip[INET6_ADDRSTRLEN];

	if (owner && !claim->owned)
		lease_log(machine, LOG_WARNING, "%s isn't claimed: %s has it as its own address",
			  address_format(&claim->address, ip), owner->name);
	if (!owner && claim->owned)
		claim->free_ns = 0;
	claim->owned = owner;
}

static void claim_run(struct lease_machine *machine, struct lease_claim *claim, uint64_t now)
{
	claim_find_owner(machine, claim);
	if (claim_is_ours(machine, claim)) {
		run_ours(machine, claim, now);
		return;
	}
	if (claim->entry && lease_session_holds(machine)) {
		run_disputed(machine, claim, now);
		return;
	}
	if (claim->busy || machine->draining || machine->session.phase != SESSION_LIVE)
		return;
	if (claim->wanted && !claim->owned)
		run_candidate(machine, claim, now);
	else if (claim->owned || machine->settled)
		run_unwanted(machine, claim, now);
}

/* Engine none: each wanted address is held. */
static void claim_run_alone(struct lease_machine *machine, struct lease_claim *claim)
{
	bool hold = claim->wanted && !machine->draining && machine->session.phase == SESSION_LIVE;

	if (hold && !claim->held)
		claim_gain(machine, claim);
	else if (!hold && claim->entry && lease_session_holds(machine))
		claim_lose(machine, claim, claim->wanted ? LEASE_LOSS_DRAIN : LEASE_LOSS_UNWANTED);
}

/* Drops a claim that this node doesn't want, and whose absence needn't be remembered. */
static bool claim_drop(struct lease_machine *machine, struct lease_claim *claim, uint64_t now)
{
	if (claim->wanted || claim->entry || claim->busy || claim->shape != RECORD_ABSENT)
		return false;
	if (machine->store && now < lease_claim_free_from(claim)) {
		lease_claim_due(machine, claim, lease_claim_free_from(claim));
		return false;
	}
	lease_claim_free(machine, claim);
	return true;
}

uint64_t lease_claims_run(struct lease_machine *machine, uint64_t now)
{
	struct lease_claim *claim;

	lease_claims_queue_due(machine, now);
	/* during a list the view isn't consistent: queued claims wait for its end */
	if (machine->store && !machine->synced)
		return LEASE_NEVER;
	while ((claim = lease_claim_next(machine, now))) {
		if (claim_drop(machine, claim, now))
			;
		else if (machine->store)
			claim_run(machine, claim, now);
		else
			claim_run_alone(machine, claim);
		if (lease_now(machine) < machine->turn_end_ns)
			continue;
		/* claims still queued may be lost: the next renewal must check all claims first */
		machine->disputed = true;
		break;
	}
	return machine->claims_due_ns;
}

int lease_claims_resume(struct lease_machine *machine)
{
	unsigned int looks = 0;

	for (struct lease_claim *claim = machine->claims; claim; claim = claim->hh.next) {
		int r;

		/* the view may have changed since an earlier turn */
		if (!claim_is_ours(machine, claim)) {
			claim->entry = claim->given_up = claim->looked_for = false;
			continue;
		}
		if (claim->looked_for)
			continue;
		/* a time limit might leave no time for a single one in a large view */
		if (looks++ == LOOKS_MAX)
			return 1;
		r = machine->callbacks->present(&claim->address, machine->userdata);
		if (r < 0)
			return r;
		claim->looked_for = true;
		claim->entry = r;
		/* a release may be in flight: only another release makes sure */
		claim->given_up = !r;
	}
	return 0;
}

static void claim_settle_dispute(struct lease_machine *machine, struct lease_claim *claim)
{
	if (claim->entry && !claim_is_ours(machine, claim) &&
	    !claim_lose(machine, claim, LEASE_LOSS_TAKEN))
		machine->disputed = true;
}

int lease_claims_settle_disputes(struct lease_machine *machine)
{
	if (!machine->disputed)
		return 0;
	machine->disputed = false;
	lease_claims_visit(machine, claim_settle_dispute);
	return machine->disputed ? -EAGAIN : 0;
}

static void claim_end(struct lease_machine *machine, struct lease_claim *claim)
{
	/* entries were purged before, so the result doesn't matter */
	if (claim->entry)
		machine->callbacks->lost(&claim->address, machine->session.reason,
					 machine->userdata);
	claim_lost(machine, claim);
	claim->given_up = false;
	claim->free_ns = 0;
}

void lease_claims_end(struct lease_machine *machine, enum lease_loss reason)
{
	machine->session.reason = reason;
	lease_claims_visit(machine, claim_end);
	machine->disputed = false;
}
