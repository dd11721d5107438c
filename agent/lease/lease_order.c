// SPDX-License-Identifier: GPL-2.0-or-later
#include "lease_order.h"
#include "lease_peer.h"
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

bool lease_wish_stands(const struct lease_machine *machine, const struct lease_claim *claim,
		       uint64_t now)
{
	return claim->wish && claim->wish_session &&
	       claim->wish->heartbeat.session == claim->wish_session &&
	       lease_peer_is_candidate(machine, claim->wish, now);
}

/* The node that goes before all others; NULL: none. */
static const struct lease_peer *claim_first(const struct lease_machine *machine,
					    const struct lease_claim *claim, uint64_t now)
{
	if (lease_wish_stands(machine, claim, now) ||
	    (claim->wish == machine->self && claim->moved))
		return claim->wish;
	return NULL;
}

static bool has_group(const uint64_t groups[RECORD_GROUPS_MAX], const struct lease_claim *claim)
{
	for (size_t i = 0; i < RECORD_GROUPS_MAX && claim->group.id; i++)
		if (groups[i] == claim->group.id)
			return true;
	return false;
}

bool lease_claim_prefers(const struct lease_claim *claim, const struct lease_peer *peer)
{
	return has_group(peer->heartbeat.groups, claim);
}

/* Should @peer have @claim rather than this node, which is @preferred for it and has @score? */
static bool goes_before(const struct lease_peer *peer, const struct lease_claim *claim,
			bool preferred, double score)
{
	bool prefers_peer = lease_claim_prefers(claim, peer);

	if (prefers_peer != preferred)
		return prefers_peer;
	return lease_rank_score(&claim->address, peer->name, peer->heartbeat.weight) > score;
}

/* *ret_met_ns: when the latest of the nodes before this one was first seen. */
static unsigned int claim_rank(const struct lease_machine *machine, const struct lease_claim *claim,
			       uint64_t now, uint64_t *ret_met_ns)
{
	const struct lease_peer *self = machine->self, *first = claim_first(machine, claim, now);
	double score = lease_rank_score(&claim->address, self->name, machine->weight);
	/* what this node tells the others counts: else two nodes could both be the first */
	bool preferred = has_group(machine->groups, claim);
	unsigned int rank = 0;

	*ret_met_ns = 0;
	for (const struct lease_peer *peer = machine->peers; peer && first != self;
	     peer = peer->hh.next)
		if (peer != self && lease_peer_is_candidate(machine, peer, now) &&
		    (peer == first || goes_before(peer, claim, preferred, score))) {
			rank++;
			if (peer->met_ns > *ret_met_ns)
				*ret_met_ns = peer->met_ns;
		}
	return rank;
}

unsigned int lease_claim_rank(const struct lease_machine *machine, const struct lease_claim *claim,
			      uint64_t now)
{
	uint64_t met_ns;

	return claim_rank(machine, claim, now, &met_ns);
}

bool lease_others_live(const struct lease_machine *machine, uint64_t now)
{
	for (const struct lease_peer *peer = machine->peers; peer; peer = peer->hh.next)
		if (peer != machine->self && lease_peer_is_candidate(machine, peer, now))
			return true;
	return false;
}

uint64_t lease_claim_free_from(const struct lease_claim *claim)
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

const struct lease_peer *lease_claim_waits_for(const struct lease_machine *machine,
					       const struct lease_claim *claim, uint64_t now)
{
	bool free = claim->holder == machine->self || lease_claim_free_from(claim) != LEASE_NEVER;

	if (!claim->wanted || claim->held || claim->owned || !free || now < claim->own_settled_ns ||
	    now >= claim->settled_ns)
		return NULL;
	return claim->slowest;
}

uint64_t lease_claim_take_from(const struct lease_machine *machine, const struct lease_claim *claim,
			       uint64_t now)
{
	bool absent = claim->shape == RECORD_ABSENT;
	/* all that waited for room begin anew */
	uint64_t free_ns =
		absent && machine->room_ns > claim->free_ns ? machine->room_ns : claim->free_ns;
	uint64_t met_ns, waited_ns, due_ns, patience_ns;
	unsigned int rank = claim_rank(machine, claim, now, &met_ns);

	if (rank > RANK_STEPS)
		rank = RANK_STEPS;
	/* after others whatever its rank, which counts only among those that all are one */
	if ((claim->last_resort || !machine->weight) && lease_others_live(machine, now))
		return free_ns + (claim_first(machine, claim, now) == machine->self
					  ? 0
					  : LAST_RESORT_NS + rank * RANK_STEP_NS);
	if (!rank)
		return free_ns;
	due_ns = free_ns + rank * (absent ? RANK_NEW_STEP_NS : RANK_STEP_NS);
	patience_ns = (absent ? machine->duration_ns : machine->retry_period_ns) + RANK_NEW_STEP_NS;
	/* who came after it was free isn't waited for: there may always be another one */
	waited_ns = (met_ns < free_ns ? met_ns : free_ns) + patience_ns;
	return due_ns > waited_ns ? due_ns : waited_ns;
}

uint64_t lease_claim_remove_from(const struct lease_machine *machine,
				 const struct lease_claim *claim, uint64_t now)
{
	unsigned int rank = lease_claim_rank(machine, claim, now);

	/* one node after the other, since one is enough */
	if (rank > RANK_STEPS)
		rank = RANK_STEPS;
	return claim->free_ns + machine->forget_ns + rank * machine->retry_period_ns;
}
