// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "lease_machine.h"
#include "lease_rank.h"

/* How long a free address is left to each node that should rather have it. */
#define RANK_STEP_NS (50 * LEASE_NS_PER_MS)
#define RANK_STEPS   3
/* The same for one that nobody had: it is in no hurry. Nodes that start together don't begin to
 * take at the same moment, so it is left to each also until that one has waited a full duration,
 * or for one that was released a retryPeriod. */
#define RANK_NEW_STEP_NS (250 * LEASE_NS_PER_MS)
/* How long it is left to all others, by a node that should have it last. */
#define LAST_RESORT_NS (300 * LEASE_NS_PER_MS)
/* Claims become due in steps of this, so that many of them are looked at together. */
#define DUE_STEP_NS (10 * LEASE_NS_PER_MS)

static size_t bucket_of(const struct lease_machine *machine, const struct address *address)
{
	return address_hash(address) % machine->bucket_count;
}

static struct lease_claim *claim_find(const struct lease_machine *machine,
				      const struct address *address)
{
	struct lease_claim *claim;

	if (!machine->bucket_count)
		return NULL;
	claim = machine->buckets[bucket_of(machine, address)];
	while (claim && memcmp(&claim->address, address, sizeof(*address)))
		claim = claim->next;
	return claim;
}

static int buckets_grow(struct lease_machine *machine)
{
	size_t old_count = machine->bucket_count;
	struct lease_claim **old = machine->buckets, **buckets;

	buckets = calloc(old_count ? 2 * old_count : 64, sizeof(struct lease_claim *));
	if (!buckets)
		return -ENOMEM;
	machine->buckets = buckets;
	machine->bucket_count = old_count ? 2 * old_count : 64;
	for (size_t i = 0; i < old_count; i++) {
		while (old[i]) {
			struct lease_claim *claim = old[i];
			size_t to = bucket_of(machine, &claim->address);

			old[i] = claim->next;
			claim->next = buckets[to];
			buckets[to] = claim;
		}
	}
	free(old);
	return 0;
}

/* A record that vanished may have been anybody's, with the longest duration there is. */
static uint64_t vanished_wait_ns(const struct lease_machine *machine)
{
	uint64_t longest = machine->duration_ns;

	for (const struct lease_peer *peer = machine->peers; peer; peer = peer->next) {
		uint64_t wait = lease_peer_wait_ns(machine, peer);

		longest = wait > longest ? wait : longest;
	}
	return longest;
}

/* The claim on @address, made where there is none. NULL: no memory. */
static struct lease_claim *claim_get(struct lease_machine *machine, const struct address *address)
{
	struct lease_claim *claim = claim_find(machine, address);
	size_t bucket;

	if (claim)
		return claim;
	if (machine->claim_count >= machine->bucket_count && buckets_grow(machine) < 0)
		return NULL;
	claim = calloc(1, sizeof(*claim));
	if (!claim)
		return NULL;
	claim->address = *address;
	claim->due_ns = LEASE_NEVER;
	claim->settled_ns = machine->view_ns + vanished_wait_ns(machine);
	bucket = bucket_of(machine, address);
	claim->next = machine->buckets[bucket];
	machine->buckets[bucket] = claim;
	machine->claim_count++;
	return claim;
}

void lease_claims_free(struct lease_machine *machine)
{
	for (size_t i = 0; i < machine->bucket_count; i++) {
		while (machine->buckets[i]) {
			struct lease_claim *claim = machine->buckets[i];

			machine->buckets[i] = claim->next;
			free(claim);
		}
	}
	free(machine->buckets);
}

static void queue_push(struct lease_queue *queue, struct lease_claim *claim)
{
	claim->queue_next = NULL;
	*queue->last = claim;
	queue->last = &claim->queue_next;
}

static struct lease_claim *queue_pop(struct lease_queue *queue)
{
	struct lease_claim *claim = queue->first;

	if (!claim)
		return NULL;
	queue->first = claim->queue_next;
	if (!queue->first)
		queue->last = &queue->first;
	return claim;
}

/* A claim in the waiting line stays there: it is looked at when its turn comes, or if it has an
 * entry at the next renewal. */
static void claim_queue(struct lease_machine *machine, struct lease_claim *claim)
{
	machine->disputed |= claim->waiting && claim->entry;
	if (claim->queued || claim->waiting)
		return;
	claim->queued = true;
	queue_push(&machine->queue, claim);
}

/* Calls @visit for each claim; it may free the one that it is given. */
static void claims_visit(struct lease_machine *machine,
			 void (*visit)(struct lease_machine *machine, struct lease_claim *claim))
{
	for (size_t i = 0; i < machine->bucket_count; i++) {
		struct lease_claim *claim = machine->buckets[i], *next;

		for (; claim; claim = next) {
			next = claim->next;
			visit(machine, claim);
		}
	}
}

void lease_claims_queue_all(struct lease_machine *machine)
{
	claims_visit(machine, claim_queue);
}

static bool claim_is_ours(const struct lease_machine *machine, const struct lease_claim *claim)
{
	return lease_session_holds(machine) && claim->shape == RECORD_GOOD &&
	       claim->holder == machine->self && claim->session == machine->session.id;
}

static void claim_due(struct lease_machine *machine, struct lease_claim *claim, uint64_t due)
{
	due = (due / DUE_STEP_NS + 1) * DUE_STEP_NS;
	claim->due_ns = due;
	if (due < machine->claims_due_ns)
		machine->claims_due_ns = due;
}

/* What will be written in place of @claim. */
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

/* No answer yet, or a refusal that the view hasn't explained: not again at once. */
static bool claim_tried(const struct lease_claim *claim, uint64_t now)
{
	return claim->tried_revision == claim->revision && now < claim->retry_ns;
}

/* Writes @record over @claim, or looks at @claim again when fewer swaps are on their way. */
static void claim_swap(struct lease_machine *machine, struct lease_claim *claim,
		       const struct record *record, uint64_t now)
{
	if (claim->busy)
		return;
	if (claim_tried(claim, now)) {
		claim_due(machine, claim, claim->retry_ns);
		return;
	}
	if (machine->swaps >= machine->swaps_max) {
		claim->waiting = true;
		queue_push(&machine->waiting, claim);
		return;
	}
	claim->busy = true;
	claim->tried_revision = claim->revision;
	claim->retry_ns = now + machine->retry_period_ns;
	machine->swaps++;
	machine->store->swap(machine->store, record);
}

void lease_claim_swapped(struct lease_machine *machine, const struct record *record, int result)
{
	struct lease_claim *claim = claim_find(machine, &record->address);

	machine->swaps--;
	/* a store that can't keep up is asked for less: the heartbeats must come through */
	if (result && result != -EAGAIN)
		machine->swaps_max = (machine->swaps_max + 1) / 2;
	else if (machine->swaps_max < LEASE_SWAPS_MAX)
		machine->swaps_max++;
	if (claim) {
		claim->busy = false;
		claim_queue(machine, claim);
	}
}

static void claim_lost(struct lease_machine *machine, struct lease_claim *claim)
{
	machine->figures.lost += claim->held;
	machine->figures.held -= claim->held;
	claim->entry = claim->held = false;
}

/* The entry must go. False: it may still be there. */
static bool claim_lose(struct lease_machine *machine, struct lease_claim *claim,
		       enum lease_loss reason)
{
	int r = 0;

	if (claim->entry)
		r = machine->callbacks->lost(&claim->address, reason, machine->userdata);
	if (r < 0) {
		/* -EAGAIN: another writer is at work, which is nothing to tell of for each claim */
		if (r != -EAGAIN)
			lease_log(machine, LOG_ERR,
				  "an entry can't be deleted, its claim is kept: %s", strerror(-r));
		claim_due(machine, claim, lease_now(machine) + machine->retry_period_ns);
		return false;
	}
	claim_lost(machine, claim);
	return true;
}

static void claim_gain(struct lease_machine *machine, struct lease_claim *claim)
{
	claim->entry = claim->held = true;
	machine->figures.gained++;
	machine->figures.held++;
	machine->callbacks->gained(&claim->address, machine->session.slot, machine->userdata);
}

/* Writes ourselves in as the holder. */
static void claim_take(struct lease_machine *machine, struct lease_claim *claim, uint64_t now)
{
	struct record record = record_of(claim);

	node_name_copy(record.claim.holder, machine->self->name);
	record.claim.session = machine->session.id;
	record.claim.transitions++;
	record.claim.taken = true;
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

static void claim_release(struct lease_machine *machine, struct lease_claim *claim, uint64_t now)
{
	struct record record = record_of(claim);

	record.claim.holder[0] = '\0';
	record.claim.session = 0;
	claim_swap(machine, claim, &record, now);
}

/* The holder knows what others can't: that nobody else was there for a full duration. */
static void claim_settle(struct lease_machine *machine, struct lease_claim *claim, uint64_t now)
{
	struct record record = record_of(claim);

	record.claim.unsettled = false;
	claim_swap(machine, claim, &record, now);
}

/* Says that this node would take @claim from its living holder. */
static void claim_ask(struct lease_machine *machine, struct lease_claim *claim, uint64_t now)
{
	struct record record = record_of(claim);

	node_name_copy(record.claim.wish, machine->self->name);
	record.claim.wish_session = machine->session.id;
	record.claim.moved = claim->moved && claim->wish == machine->self;
	claim_swap(machine, claim, &record, now);
}

/* Would @peer take addresses at all? */
static bool peer_is_candidate(const struct lease_machine *machine, const struct lease_peer *peer,
			      uint64_t now)
{
	return lease_peer_alive(machine, peer, now) && peer->heartbeat.state == HEARTBEAT_ALIVE;
}

/* Has a node said that it takes @claim over, and can it? */
static bool wish_stands(const struct lease_machine *machine, const struct lease_claim *claim,
			uint64_t now)
{
	return claim->wish && claim->wish_session &&
	       claim->wish->heartbeat.session == claim->wish_session &&
	       peer_is_candidate(machine, claim->wish, now);
}

/* Nodes that should have @claim rather than this one. A node that isn't eligible may be among them;
 * it costs a step's delay. *ret_met_ns, which may be NULL: when the latest of them was first seen.
 */
static unsigned int claim_rank(const struct lease_machine *machine, const struct lease_claim *claim,
			       uint64_t now, uint64_t *ret_met_ns)
{
	const struct lease_peer *self = machine->self, *first = NULL;
	double score = lease_rank_score(&claim->address, self->name, machine->weight);
	unsigned int rank = 0;
	uint64_t met_ns = 0;

	if (wish_stands(machine, claim, now) || (claim->wish == self && claim->moved))
		first = claim->wish;
	else if (claim->preferred && peer_is_candidate(machine, claim->preferred, now))
		first = claim->preferred;
	for (const struct lease_peer *peer = machine->peers; peer && first != self;
	     peer = peer->next)
		if (peer != self && peer_is_candidate(machine, peer, now) &&
		    (peer == first || lease_rank_score(&claim->address, peer->name,
						       peer->heartbeat.weight) > score)) {
			rank++;
			if (peer->met_ns > met_ns)
				met_ns = peer->met_ns;
		}
	if (ret_met_ns)
		*ret_met_ns = met_ns;
	return rank;
}

static bool others_live(const struct lease_machine *machine, uint64_t now)
{
	for (const struct lease_peer *peer = machine->peers; peer; peer = peer->next)
		if (peer != machine->self && peer_is_candidate(machine, peer, now))
			return true;
	return false;
}

/* Until when a claim that is free is left to others. */
static uint64_t claim_due_ns(const struct lease_machine *machine, const struct lease_claim *claim,
			     uint64_t now)
{
	bool absent = claim->shape == RECORD_ABSENT;
	uint64_t met_ns, waited_ns, due_ns;
	unsigned int rank = claim_rank(machine, claim, now, &met_ns);

	if ((claim->last_resort || !machine->weight) && others_live(machine, now))
		return claim->free_ns + (rank ? LAST_RESORT_NS : 0);
	if (rank > RANK_STEPS)
		rank = RANK_STEPS;
	if (!rank)
		return claim->free_ns;
	due_ns = claim->free_ns + rank * (absent ? RANK_NEW_STEP_NS : RANK_STEP_NS);
	waited_ns = met_ns + (absent ? machine->duration_ns : machine->retry_period_ns) +
		    RANK_NEW_STEP_NS;
	return due_ns > waited_ns ? due_ns : waited_ns;
}

/* From when on nobody can answer for @claim any more. LEASE_NEVER: that takes an event. */
static uint64_t claim_free_from(const struct lease_claim *claim)
{
	uint64_t settled_ns = claim->settled_ns;

	if (claim->shape == RECORD_NEWER)
		return LEASE_NEVER;
	if (claim->shape != RECORD_GOOD || !claim->holder)
		return settled_ns;
	if (!lease_peer_session_over(claim->holder, claim->session))
		return LEASE_NEVER;
	return settled_ns > claim->holder->settled_ns ? settled_ns : claim->holder->settled_ns;
}

/* Why the holder gives @claim up; false: it doesn't. */
static bool claim_parts(const struct lease_machine *machine, const struct lease_claim *claim,
			uint64_t now, enum lease_loss *ret_reason)
{
	if (!claim->wanted || claim->yielding || claim->given_up) {
		*ret_reason = LEASE_LOSS_UNWANTED;
		return claim->wanted || machine->settled;
	}
	if (machine->draining) {
		*ret_reason = LEASE_LOSS_DRAIN;
		return true;
	}
	if (claim->wish != machine->self && wish_stands(machine, claim, now)) {
		*ret_reason = LEASE_LOSS_MOVED;
		return true;
	}
	return false;
}

static void run_ours(struct lease_machine *machine, struct lease_claim *claim, uint64_t now)
{
	enum lease_loss reason;

	/* a release that may yet be done */
	if (claim->busy && claim->revision == claim->tried_revision)
		return;
	if (claim_parts(machine, claim, now, &reason)) {
		if (!claim_lose(machine, claim, reason))
			return;
		claim->given_up = true;
		claim->yielding = false;
		claim_release(machine, claim, now);
	} else if (claim->wanted && machine->session.phase == SESSION_LIVE) {
		/* written where there was none: the stream may have shown only then that another
		 * had been there until lately */
		if (!claim->entry && now < claim->settled_ns)
			claim_due(machine, claim, claim->settled_ns);
		else if (!claim->held)
			claim_gain(machine, claim);
		if (claim->held && claim->unsettled && now >= claim->settled_ns)
			claim_settle(machine, claim, now);
		else if (claim->held && claim->unsettled)
			claim_due(machine, claim, claim->settled_ns);
	}
}

/* Ours until just now, by an entry. Deleted or overwritten by hand: nobody else takes it for a full
 * duration, so write it again; the next renewal won't wait for that. */
static void run_disputed(struct lease_machine *machine, struct lease_claim *claim, uint64_t now)
{
	machine->disputed = true;
	if ((claim->shape == RECORD_ABSENT || claim->shape == RECORD_FOREIGN) && claim->wanted &&
	    !claim->yielding && machine->session.phase == SESSION_LIVE)
		claim_take(machine, claim, now);
	else
		claim_lose(machine, claim, LEASE_LOSS_TAKEN);
}

/* Somebody else's, and alive: does it rather belong here? */
static void run_theirs(struct lease_machine *machine, struct lease_claim *claim, uint64_t now)
{
	uint64_t from = machine->session.began_ns + machine->duration_ns;

	if (!claim->holder || claim->holder == machine->self || claim->last_resort ||
	    claim->shape != RECORD_GOOD)
		return;
	if (claim->wish == machine->self && claim->wish_session == machine->session.id)
		return;
	if (claim->wish == machine->self && claim->moved) {
		/* asked earlier, the holder would give up what can't be taken yet */
		if (now < claim->settled_ns)
			claim_due(machine, claim, claim->settled_ns);
		else
			claim_ask(machine, claim, now);
		return;
	}
	if (!machine->preempt || !machine->weight ||
	    (claim->moved && claim->wish == claim->holder) || claim_rank(machine, claim, now, NULL))
		return;
	/* a node that has just come must show first that it stays */
	if (now < from)
		claim_due(machine, claim, from);
	else
		claim_ask(machine, claim, now);
}

static void run_candidate(struct lease_machine *machine, struct lease_claim *claim, uint64_t now)
{
	/* nodes that start together see each other first, and share what was released */
	uint64_t met = machine->session.began_ns + machine->retry_period_ns;
	uint64_t from = claim_free_from(claim), due;

	if (from == LEASE_NEVER) {
		claim->free_ns = 0;
		run_theirs(machine, claim, now);
		return;
	}
	from = from > met ? from : met;
	if (now < from) {
		claim_due(machine, claim, from);
		return;
	}
	if (!claim->free_ns)
		claim->free_ns = now;
	due = claim_due_ns(machine, claim, now);
	if (now < due)
		claim_due(machine, claim, due);
	else
		claim_take(machine, claim, now);
}

static void claim_run(struct lease_machine *machine, struct lease_claim *claim, uint64_t now)
{
	if (claim_is_ours(machine, claim))
		run_ours(machine, claim, now);
	else if (claim->entry && lease_session_holds(machine))
		run_disputed(machine, claim, now);
	else if (claim->wanted && !claim->busy && !machine->draining && machine->store &&
		 machine->session.phase == SESSION_LIVE)
		run_candidate(machine, claim, now);
}

/* Engine none: what is wanted is held. */
static void claim_run_alone(struct lease_machine *machine, struct lease_claim *claim)
{
	bool hold = claim->wanted && !machine->draining && machine->session.phase == SESSION_LIVE;

	if (hold && !claim->held)
		claim_gain(machine, claim);
	else if (!hold && claim->entry && lease_session_holds(machine))
		claim_lose(machine, claim, claim->wanted ? LEASE_LOSS_DRAIN : LEASE_LOSS_UNWANTED);
}

/* Forgets a claim that nobody wants, and whose absence needn't be remembered. */
static bool claim_forget(struct lease_machine *machine, struct lease_claim *claim, uint64_t now)
{
	struct lease_claim **at = &machine->buckets[bucket_of(machine, &claim->address)];

	if (claim->wanted || claim->entry || claim->busy || claim->queued || claim->waiting ||
	    claim->shape != RECORD_ABSENT)
		return false;
	if (machine->store && now < claim_free_from(claim)) {
		claim_due(machine, claim, claim_free_from(claim));
		return false;
	}
	while (*at != claim)
		at = &(*at)->next;
	*at = claim->next;
	machine->claim_count--;
	free(claim);
	return true;
}

static void claim_if_due(struct lease_machine *machine, struct lease_claim *claim)
{
	uint64_t now = lease_now(machine);

	if (claim->due_ns <= now) {
		claim->due_ns = LEASE_NEVER;
		claim_queue(machine, claim);
	} else if (claim->due_ns < machine->claims_due_ns) {
		machine->claims_due_ns = claim->due_ns;
	}
}

uint64_t lease_claims_run(struct lease_machine *machine, uint64_t now)
{
	struct lease_claim *claim;

	if (now >= machine->claims_due_ns) {
		machine->claims_due_ns = LEASE_NEVER;
		claims_visit(machine, claim_if_due);
	}
	/* during a list the view is of no moment; what is queued waits for its end */
	if (machine->store && !machine->synced)
		return LEASE_NEVER;
	while ((claim = queue_pop(&machine->queue)) ||
	       (machine->swaps < machine->swaps_max && (claim = queue_pop(&machine->waiting)))) {
		claim->queued = claim->waiting = false;
		if (claim_forget(machine, claim, now))
			continue;
		if (machine->store)
			claim_run(machine, claim, now);
		else
			claim_run_alone(machine, claim);
	}
	return machine->claims_due_ns;
}

static void holder_set(struct lease_claim *claim, struct lease_peer *holder)
{
	if (claim->holder)
		claim->holder->claims--;
	claim->holder = holder;
	if (holder)
		holder->claims++;
}

void lease_claim_record(struct lease_machine *machine, const struct record *record)
{
	struct lease_claim *claim = claim_get(machine, &record->address);
	struct lease_peer *holder = NULL, *wish = NULL;

	if (!claim) {
		lease_log(machine, LOG_ERR, "out of memory: a claim isn't followed");
		return;
	}
	claim->generation = machine->generation;
	if (claim->changed_ns && claim->shape == record->shape &&
	    claim->revision == record->revision)
		return;
	if (record->shape == RECORD_GOOD) {
		if (record->claim.holder[0])
			holder = lease_peer_get(machine, record->claim.holder);
		if (record->claim.wish[0])
			wish = lease_peer_get(machine, record->claim.wish);
		if (claim->transitions != record->claim.transitions)
			claim->former = claim->last;
		claim->last = holder ?: claim->last;
		claim->session = record->claim.session;
		claim->wish_session = record->claim.wish_session;
		claim->moved = record->claim.moved;
		claim->unsettled = record->claim.unsettled;
		claim->transitions = record->claim.transitions;
	}
	holder_set(claim, holder);
	claim->wish = wish;
	claim->shape = record->shape;
	claim->revision = record->revision;
	claim->changed_ns = lease_now(machine);
	/* in a list there is no telling since when it had vanished */
	if (record->shape != RECORD_GOOD || (!machine->synced && claim->unsettled))
		claim->settled_ns = claim->changed_ns + vanished_wait_ns(machine);
	claim->free_ns = 0;
	claim->given_up = false;
	claim_queue(machine, claim);
	if (claim->wanted)
		machine->callbacks->changed(&claim->address, machine->userdata);
}

static void claim_if_gone(struct lease_machine *machine, struct lease_claim *claim)
{
	struct record gone = {
		.kind = RECORD_CLAIM,
		.shape = RECORD_ABSENT,
		.address = claim->address,
	};

	if (claim->generation == machine->generation)
		return;
	/* it may have come back and gone again in between */
	claim->settled_ns = machine->view_ns + vanished_wait_ns(machine);
	lease_claim_record(machine, &gone);
}

void lease_claims_synced(struct lease_machine *machine)
{
	claims_visit(machine, claim_if_gone);
	lease_claims_queue_all(machine);
}

int lease_claims_resume(struct lease_machine *machine)
{
	for (size_t i = 0; i < machine->bucket_count; i++) {
		struct lease_claim *claim = machine->buckets[i];

		for (; claim; claim = claim->next) {
			bool ours = claim_is_ours(machine, claim);
			int r = ours ? machine->callbacks->present(&claim->address,
								   machine->userdata)
				     : 0;

			if (r < 0)
				return r;
			claim->entry = r;
			/* a release may be on its way: then nothing but another makes sure */
			claim->given_up = ours && !r;
		}
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
	claims_visit(machine, claim_settle_dispute);
	return machine->disputed ? -EAGAIN : 0;
}

static void claim_end(struct lease_machine *machine, struct lease_claim *claim)
{
	/* purged before, so the answer doesn't matter */
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
	claims_visit(machine, claim_end);
	machine->disputed = false;
}

int lease_machine_want(struct lease_machine *machine, const struct address *address,
		       const struct lease_preference *preference)
{
	struct lease_claim *claim = claim_get(machine, address);
	struct lease_peer *preferred = NULL;
	bool last_resort = preference && preference->last_resort;

	if (claim && preference && preference->preferred_node) {
		preferred = lease_peer_get(machine, preference->preferred_node);
		if (!preferred)
			return -ENOMEM;
	}
	if (!claim)
		return -ENOMEM;
	machine->figures.wanted += !claim->wanted;
	claim->wanted = true;
	claim->preferred = preferred;
	/* once: what nobody else took comes back, and stays */
	if (last_resort && !claim->last_resort && claim->held)
		claim->yielding = others_live(machine, lease_now(machine));
	claim->last_resort = last_resort;
	claim_queue(machine, claim);
	return 0;
}

void lease_machine_unwant(struct lease_machine *machine, const struct address *address)
{
	struct lease_claim *claim = claim_find(machine, address);

	if (!claim || !claim->wanted)
		return;
	machine->figures.wanted--;
	claim->wanted = claim->last_resort = false;
	claim_queue(machine, claim);
}

int lease_machine_move(struct lease_machine *machine, const struct address *address,
		       const char *node, struct err *err)
{
	struct lease_claim *claim = claim_find(machine, address);
	struct lease_peer *peer = lease_peer_find(machine, node);
	char text[INET6_ADDRSTRLEN];
	uint64_t now = lease_now(machine);
	struct record record;

	address_format(address, text);
	if (!machine->store)
		return err_set(err, -EOPNOTSUPP,
			       "with the engine none this node is alone: there is none to move %s "
			       "to",
			       text);
	if (!claim || claim->shape != RECORD_GOOD)
		return err_set(err, -ENOENT, "no node claims %s", text);
	if (machine->session.phase != SESSION_LIVE || !machine->synced)
		return err_set(err, -ENOTCONN, "the lease store doesn't answer");
	if (!peer || !peer_is_candidate(machine, peer, now))
		return err_set(err, -EHOSTDOWN, "%s isn't alive, or is drained", node);
	if (claim->holder == peer && !lease_peer_session_over(peer, claim->session))
		return err_set(err, -EALREADY, "%s holds %s already", node, text);
	/* what isn't sent now would be forgotten, and a claim is in one queue at most */
	if (claim->busy || claim->queued || claim->waiting || claim_tried(claim, now) ||
	    machine->swaps >= machine->swaps_max)
		return err_set(err, -EBUSY, "%s, or much else, is changing hands; try again", text);
	record = record_of(claim);
	node_name_copy(record.claim.wish, node);
	record.claim.wish_session =
		peer == machine->self && claim->wanted && now >= claim->settled_ns
			? machine->session.id
			: 0;
	record.claim.moved = true;
	claim_swap(machine, claim, &record, now);
	return 0;
}

uint8_t lease_machine_holds(const struct lease_machine *machine, const struct address *address)
{
	const struct lease_claim *claim = claim_find(machine, address);

	return claim && claim->entry && lease_session_holds(machine) ? machine->session.slot : 0;
}

int lease_machine_info(const struct lease_machine *machine, const struct address *address,
		       struct lease_info *ret_info)
{
	const struct lease_claim *claim = claim_find(machine, address);
	const struct lease_peer *holder;
	struct lease_info info = {};
	uint64_t now = lease_now(machine), until = 0;

	if (!claim || (!claim->wanted && claim->shape == RECORD_ABSENT))
		return -ENOENT;
	holder = claim->held ? machine->self : claim->holder;
	info.held = claim->held;
	info.transitions = claim->transitions;
	if (claim->wish && claim->wish != claim->holder)
		node_name_copy(info.wish, claim->wish->name);
	if (holder)
		node_name_copy(info.holder, holder->name);
	if (claim->former)
		node_name_copy(info.former, claim->former->name);
	if (claim->held) {
		info.slot = machine->session.slot;
		info.holder_alive = true;
		until = machine->session.deadline_ns;
	} else if (holder && !lease_peer_session_over(holder, claim->session)) {
		info.holder_alive = lease_peer_alive(machine, holder, now);
		until = holder->changed_ns + lease_peer_wait_ns(machine, holder);
	}
	info.remaining_ns = until > now ? until - now : 0;
	*ret_info = info;
	return 0;
}
