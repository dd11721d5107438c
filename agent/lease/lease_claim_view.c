// SPDX-License-Identifier: GPL-2.0-or-later
#include "lease_claim_table.h"
#include "lease_claim_view.h"
#include "lease_peer.h"

static void holder_set(struct lease_machine *machine, struct lease_claim *claim,
		       struct lease_peer *holder)
{
	if (claim->holder)
		claim->holder->claims--;
	claim->holder = holder;
	if (!holder)
		return;
	/* if its heartbeat isn't there, somebody must see to that */
	machine->watch_due |= holder->shape != RECORD_GOOD && !holder->claims;
	holder->claims++;
}

static void shape_set(struct lease_machine *machine, struct lease_claim *claim,
		      enum record_shape shape)
{
	machine->records -= claim->shape != RECORD_ABSENT;
	machine->records += shape != RECORD_ABSENT;
	claim->shape = shape;
}

bool lease_claim_fits(struct lease_machine *machine, const struct record *record)
{
	if (record->shape == RECORD_ABSENT)
		return true;
	/* the agent bounds what it wants; one's own Services must not hide the others' claims */
	if (HASH_COUNT(machine->claims) - machine->figures.wanted >= STORE_CLAIMS_MAX &&
	    !lease_claim_find(machine, &record->address))
		return false;
	return record->shape != RECORD_GOOD || (lease_peer_fits(machine, record->claim.holder) &&
						lease_peer_fits(machine, record->claim.wish));
}

static void claim_forget(struct lease_machine *machine, struct lease_claim *claim)
{
	claim->queued = claim->waiting = false;
	/* a release that was sent may still be done */
	if (!claim->wanted && !claim->entry && !claim->busy && !claim->given_up) {
		holder_set(machine, claim, NULL);
		lease_claim_free(machine, claim);
		return;
	}
	claim->wish = claim->last = claim->former = claim->slowest = NULL;
	if (claim->holder == machine->self) {
		/* it stays ours until the list shows otherwise */
		claim->last = machine->self;
	} else {
		holder_set(machine, claim, NULL);
		shape_set(machine, claim, RECORD_ABSENT);
		claim->revision = claim->changed_ns = 0;
	}
	lease_claim_queue(machine, claim);
}

void lease_claims_forget(struct lease_machine *machine)
{
	lease_claims_unqueue(machine);
	lease_claims_visit(machine, claim_forget);
}

void lease_claim_record(struct lease_machine *machine, const struct record *record)
{
	struct lease_claim *claim = lease_claim_find(machine, &record->address);
	struct lease_peer *holder = NULL, *wish = NULL;

	if (!claim && record->shape == RECORD_ABSENT) {
		/* nothing to keep of it but that there was something */
		machine->vanished_ns = lease_now(machine);
		return;
	}
	claim = claim ?: lease_claim_get(machine, &record->address);
	claim->generation = machine->generation;
	if (record->shape == RECORD_GOOD && record->claim.wish[0])
		wish = lease_peer_get(machine, record->claim.wish);
	/* a view that was given up may have forgotten it, though not the claim */
	claim->wish = wish;
	if (claim->changed_ns && claim->shape == record->shape &&
	    claim->revision == record->revision)
		return;
	if (record->shape == RECORD_GOOD) {
		if (record->claim.holder[0])
			holder = lease_peer_get(machine, record->claim.holder);
		if (claim->transitions != record->claim.transitions)
			claim->former = claim->last;
		claim->last = holder ?: claim->last;
		claim->session = record->claim.session;
		claim->wish_session = record->claim.wish_session;
		claim->moved = record->claim.moved;
		claim->unsettled = record->claim.unsettled;
		claim->transitions = record->claim.transitions;
	}
	holder_set(machine, claim, holder);
	shape_set(machine, claim, record->shape);
	claim->revision = record->revision;
	claim->changed_ns = lease_now(machine);
	/* in a list there is no telling since when it had vanished */
	if (!machine->synced)
		claim->unknown_since |= record->shape != RECORD_GOOD || claim->unsettled;
	else if (record->shape != RECORD_GOOD)
		lease_claim_vanished(machine, claim, claim->changed_ns);
	claim->free_ns = 0;
	claim->given_up = false;
	lease_claim_unwait(machine, claim);
	lease_claim_queue(machine, claim);
	if (claim->wanted)
		machine->callbacks->changed(&claim->address, machine->userdata);
}

/* @since_view: how long one counts as held that vanished when the view began. */
static void claim_synced(struct lease_machine *machine, struct lease_claim *claim,
			 const struct lease_claim *since_view)
{
	struct record gone = {
		.kind = RECORD_CLAIM,
		.shape = RECORD_ABSENT,
		.address = claim->address,
	};

	if (claim->generation != machine->generation) {
		/* it may have come back and gone again in between */
		claim->unknown_since = true;
		lease_claim_record(machine, &gone);
	}
	if (claim->unknown_since) {
		claim->settled_ns = since_view->settled_ns;
		claim->own_settled_ns = since_view->own_settled_ns;
		claim->slowest = since_view->slowest;
	}
	claim->unknown_since = false;
	lease_claim_queue(machine, claim);
}

void lease_claims_synced(struct lease_machine *machine)
{
	struct lease_claim *claim, *next, since_view = {};

	/* once for all: it looks at each node */
	lease_claim_vanished(machine, &since_view, machine->view_ns);
	HASH_ITER(hh, machine->claims, claim, next)
	claim_synced(machine, claim, &since_view);
}
