// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>
#include <utlist.h>

#include "lease_claim_table.h"
#include "lease_peer.h"
#include "text_hash.h"

/* Claims become due in steps of this, so that many of them are looked at together. */
#define DUE_STEP_NS (10 * LEASE_NS_PER_MS)

struct lease_claim *lease_claim_find(const struct lease_machine *machine,
				     const struct address *address)
{
	struct lease_claim *claim;

	HASH_FIND(hh, machine->claims, address, sizeof(*address), claim);
	return claim;
}

struct lease_claim *lease_claim_get(struct lease_machine *machine, const struct address *address)
{
	struct lease_claim *claim = lease_claim_find(machine, address);

	if (claim)
		return claim;
	claim = xcalloc(1, sizeof(*claim));
	claim->address = *address;
	claim->due_ns = LEASE_NEVER;
	lease_claim_vanished(machine, claim, lease_absent_since(machine));
	HASH_ADD(hh, machine->claims, address, sizeof(claim->address), claim);
	return claim;
}

void lease_claim_vanished(struct lease_machine *machine, struct lease_claim *claim, uint64_t since)
{
	claim->settled_ns = lease_vanished_until(machine, since, &claim->slowest);
	claim->own_settled_ns = since + machine->duration_ns;
}

void lease_claim_free(struct lease_machine *machine, struct lease_claim *claim)
{
	HASH_DEL(machine->claims, claim);
	machine->records -= claim->shape != RECORD_ABSENT;
	free(claim->service);
	free(claim);
}

bool lease_claim_has_room(const struct lease_machine *machine, const struct lease_claim *claim)
{
	return claim->shape != RECORD_ABSENT || machine->records <= STORE_CLAIMS_NEW;
}

void lease_claims_visit(struct lease_machine *machine,
			void (*visit)(struct lease_machine *machine, struct lease_claim *claim))
{
	struct lease_claim *claim, *next;

	HASH_ITER(hh, machine->claims, claim, next)
	visit(machine, claim);
}

void lease_claims_free(struct lease_machine *machine)
{
	lease_claims_visit(machine, lease_claim_free);
}

/* @claim is in the queue or a line: no longer. */
static void claim_leave(struct lease_machine *machine, struct lease_claim *claim)
{
	struct lease_claim **from = claim->waiting ? &machine->lines[claim->line] : &machine->queue;

	DL_DELETE2(*from, claim, queue_prev, queue_next);
	machine->waiting -= claim->waiting;
	claim->queued = claim->waiting = false;
}

void lease_claim_unwait(struct lease_machine *machine, struct lease_claim *claim)
{
	if (claim->waiting)
		claim_leave(machine, claim);
}

void lease_claim_queue(struct lease_machine *machine, struct lease_claim *claim)
{
	if (claim->entry)
		lease_claim_unwait(machine, claim);
	if (claim->queued || claim->waiting)
		return;
	claim->queued = true;
	DL_APPEND2(machine->queue, claim, queue_prev, queue_next);
}

void lease_claims_unqueue(struct lease_machine *machine)
{
	machine->queue = NULL;
	memset(machine->lines, 0, sizeof(machine->lines));
	machine->waiting = 0;
}

void lease_claims_queue_all(struct lease_machine *machine)
{
	lease_claims_visit(machine, lease_claim_queue);
}

void lease_claim_wait(struct lease_machine *machine, struct lease_claim *claim)
{
	/* nobody can choose a namespace whose line is another one's */
	uint64_t hash =
		hash_text(machine->session.id, claim->service ? claim->service->namespace : "");

	claim->line = hash_finish(hash) % LEASE_LINES;
	claim->waiting = true;
	machine->waiting++;
	/* one with an entry may come back often: see lease_claim_queue() */
	if (claim->entry)
		DL_PREPEND2(machine->lines[claim->line], claim, queue_prev, queue_next);
	else
		DL_APPEND2(machine->lines[claim->line], claim, queue_prev, queue_next);
}

bool lease_claims_have_room(const struct lease_machine *machine, uint64_t now)
{
	return machine->swaps < (lease_renewal_is_late(machine, now) ? 1 : machine->swaps_max);
}

bool lease_claims_pending(const struct lease_machine *machine, uint64_t now)
{
	return machine->queue || (machine->waiting && lease_claims_have_room(machine, now));
}

/* The first of the next line in which there is one; there is. */
static struct lease_claim *next_line(struct lease_machine *machine)
{
	do
		machine->line = (machine->line + 1) % LEASE_LINES;
	while (!machine->lines[machine->line]);
	return machine->lines[machine->line];
}

struct lease_claim *lease_claim_next(struct lease_machine *machine, uint64_t now)
{
	struct lease_claim *claim = machine->queue;

	if (machine->waiting && lease_claims_have_room(machine, now)) {
		if (!claim || machine->line_next)
			claim = next_line(machine);
		machine->line_next = !claim->waiting;
	}
	if (claim)
		claim_leave(machine, claim);
	return claim;
}

void lease_claim_due(struct lease_machine *machine, struct lease_claim *claim, uint64_t due)
{
	due = (due / DUE_STEP_NS + 1) * DUE_STEP_NS;
	claim->due_ns = due;
	if (due < machine->claims_due_ns)
		machine->claims_due_ns = due;
}

void lease_claims_queue_due(struct lease_machine *machine, uint64_t now)
{
	if (now < machine->claims_due_ns)
		return;
	machine->claims_due_ns = LEASE_NEVER;
	for (struct lease_claim *claim = machine->claims; claim; claim = claim->hh.next) {
		if (claim->due_ns <= now) {
			claim->due_ns = LEASE_NEVER;
			lease_claim_queue(machine, claim);
		} else if (claim->due_ns < machine->claims_due_ns) {
			machine->claims_due_ns = claim->due_ns;
		}
	}
}
