// SPDX-License-Identifier: GPL-2.0-or-later
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
	free(claim->service);
	free(claim);
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

static void queue_push(struct lease_queue *queue, struct lease_claim *claim)
{
	claim->queue_next = NULL;
	*(queue->first ? queue->last : &queue->first) = claim;
	queue->last = &claim->queue_next;
}

static struct lease_claim *queue_pop(struct lease_queue *queue)
{
	struct lease_claim *claim = queue->first;

	if (claim)
		queue->first = claim->queue_next;
	return claim;
}

void lease_claim_queue(struct lease_machine *machine, struct lease_claim *claim)
{
	machine->disputed |= claim->waiting && claim->entry;
	if (claim->queued || claim->waiting)
		return;
	claim->queued = true;
	queue_push(&machine->queue, claim);
}

void lease_claims_unqueue(struct lease_machine *machine)
{
	machine->queue.first = NULL;
	for (unsigned int line = 0; line < LEASE_LINES; line++)
		machine->waiting[line].first = NULL;
}

void lease_claims_queue_all(struct lease_machine *machine)
{
	lease_claims_visit(machine, lease_claim_queue);
}

void lease_claim_wait(struct lease_machine *machine, struct lease_claim *claim)
{
	/* nobody can choose a namespace whose line is another one's */
	uint64_t line =
		hash_text(machine->session.id, claim->service ? claim->service->namespace : "");

	claim->waiting = true;
	queue_push(&machine->waiting[hash_finish(line) % LEASE_LINES], claim);
}

bool lease_claims_have_room(const struct lease_machine *machine, uint64_t now)
{
	return machine->swaps < machine->swaps_max && !lease_renewal_is_late(machine, now);
}

/* The first of the next line in which there is one. */
static struct lease_claim *lines_pop(struct lease_machine *machine)
{
	struct lease_claim *claim = NULL;

	for (unsigned int i = 0; i < LEASE_LINES && !claim; i++) {
		machine->line = (machine->line + 1) % LEASE_LINES;
		claim = queue_pop(&machine->waiting[machine->line]);
	}
	return claim;
}

struct lease_claim *lease_claim_next(struct lease_machine *machine, uint64_t now)
{
	struct lease_claim *claim = NULL;

	if (lease_claims_have_room(machine, now))
		claim = lines_pop(machine);
	claim = claim ?: queue_pop(&machine->queue);
	if (claim)
		claim->queued = claim->waiting = false;
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
