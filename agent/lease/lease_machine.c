// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <syslog.h>

#include "l2resp.h"
#include "lease_claim_rules.h"
#include "lease_claim_table.h"
#include "lease_claim_view.h"
#include "lease_claim_write.h"
#include "lease_machine.h"
#include "lease_order.h"
#include "lease_owner.h"
#include "lease_peer.h"
#include "lease_session.h"
#include "lease_watch.h"

struct lease_machine *lease_machine_new(const struct lease_config *config,
					const struct lease_callbacks *callbacks, void *userdata,
					const struct lease_clock *clock)
{
	struct lease_machine *machine = xcalloc(1, sizeof(*machine));

	*machine = (struct lease_machine){
		.id = config->id,
		.duration_ns = config->timing.duration_ns,
		.renew_deadline_ns = config->timing.renew_deadline_ns,
		.retry_period_ns = config->timing.retry_period_ns,
		.margin_ns = lease_margin_ns(config->timing.duration_ns),
		.forget_ns = LEASE_FORGET_DURATIONS * config->timing.duration_ns,
		.weight = config->weight,
		.preempt = config->preempt,
		.always = config->always,
		.callbacks = callbacks,
		.userdata = userdata,
		.clock = *clock,
		.claims_due_ns = LEASE_NEVER,
		.watchers = LEASE_WATCHERS,
		.turn_ns = LEASE_TURN_NS,
		.watch_due = true,
		.owners_due = true,
	};
	machine->self = lease_peer_get(machine, config->node);
	return machine;
}

void lease_machine_set_store(struct lease_machine *machine, struct store *store)
{
	uint64_t now = lease_now(machine);

	machine->store = store;
	machine->swaps_max = store->swaps_min;
	machine->selective = store->watch;
	/* the previous process left a session: resume or close it */
	for (unsigned int slot = 1; slot < L2RESP_LEASE_SLOTS; slot++) {
		uint64_t until;

		if (machine->callbacks->stamped(slot, &until, machine->userdata) < 0 || until > now)
			machine->leave_ns = now + 2 * machine->forget_ns;
	}
}

void lease_machine_free(struct lease_machine *machine)
{
	if (!machine)
		return;
	lease_claims_free(machine);
	lease_peers_free(machine);
	free(machine->owners);
	free(machine);
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Decides whether this node takes part: one that no policy selects costs the store nothing. Returns
 * until when, if nothing changes. */
static uint64_t takes_part(struct lease_machine *machine, uint64_t now)
{
	if (machine->figures.wanted || machine->always || machine->asks)
		machine->leave_ns = now + 2 * machine->forget_ns;
	machine->leaving = now >= machine->leave_ns;
	if (!machine->leaving && !machine->following) {
		machine->following = true;
		lease_state_set(machine, LEASE_CONNECTING, "an address is wanted here");
		machine->store->follow(machine->store, true);
	}
	return machine->figures.wanted || machine->leaving ? LEASE_NEVER : machine->leave_ns;
}

void lease_machine_run(struct lease_machine *machine)
{
	uint64_t now = lease_now(machine), due, leave = LEASE_NEVER;
	bool more;

	machine->turn_end_ns = now + machine->turn_ns;
	if (machine->store)
		leave = takes_part(machine, now);
	lease_owners_run(machine);
	do {
		/*
		 * Claims first: a renewal is confirmed by an event of the same stream that shows
		 * lost claims, which must be handled before it.
		 */
		lease_claims_run(machine, now);
		due = lease_session_run(machine, now);
		due = earliest(due, lease_claims_run(machine, now));
		due = earliest(due, lease_watch_run(machine, now));
		due = earliest(due, lease_peers_run(machine, now));
		more = lease_claims_pending(machine, now) && (machine->synced || !machine->store);
	} while (more && lease_now(machine) < machine->turn_end_ns);
	if (!more && !machine->store)
		lease_session_sweep(machine);
	due = more ? now : earliest(due, leave);
	machine->clock.arm(due, machine->clock.userdata);
}

/* Sets in the heartbeat whether this node is in @group. A group that no wanted address uses any
 * more stays until its place is needed. */
static void group_tell(struct lease_machine *machine, const struct preferred_group *group)
{
	uint64_t *groups = machine->groups, *at = NULL;

	for (size_t i = 0; i < RECORD_GROUPS_MAX && !at; i++)
		at = groups[i] == group->id ? &groups[i] : NULL;
	if (at && !group->member)
		*at = 0;
	if (at || !group->member)
		return;
	/* the oldest is last */
	memmove(groups + 1, groups, (RECORD_GROUPS_MAX - 1) * sizeof(*groups));
	groups[0] = group->id;
}

/* Not at once: the caller may be in the middle of something, and an answer of the store may have
 * hundreds of events, which share one turn. */
static void run_soon(struct lease_machine *machine)
{
	machine->clock.arm(lease_now(machine), machine->clock.userdata);
}

void lease_machine_want(struct lease_machine *machine, const struct address *address,
			const struct lease_preference *preference)
{
	struct lease_claim *claim = lease_claim_get(machine, address);
	bool last_resort = preference && preference->last_resort;

	machine->figures.wanted += !claim->wanted;
	if (!claim->wanted) {
		claim->free_ns = 0;
		claim->wanted_ns = lease_now(machine);
	}
	claim->wanted = true;
	claim->group = preference ? preference->group : (struct preferred_group){};
	claim->service = claim->service ?: xcalloc(1, sizeof(*claim->service));
	*claim->service = preference ? preference->service : (struct lease_service){};
	if (claim->group.id)
		group_tell(machine, &claim->group);
	/* only once: an address that nobody else took comes back, and stays */
	if (!last_resort)
		claim->yielding = false;
	else if (!claim->last_resort && claim->held)
		claim->yielding = lease_others_live(machine, lease_now(machine));
	claim->last_resort = last_resort;
	lease_claim_queue(machine, claim);
	run_soon(machine);
}

void lease_machine_unwant(struct lease_machine *machine, const struct address *address)
{
	struct lease_claim *claim = lease_claim_find(machine, address);

	if (!claim || !claim->wanted)
		return;
	machine->figures.wanted--;
	claim->wanted = claim->last_resort = false;
	lease_claim_queue(machine, claim);
	run_soon(machine);
}

void lease_machine_settled(struct lease_machine *machine)
{
	if (machine->settled)
		return;
	machine->settled = true;
	lease_claims_queue_all(machine);
	run_soon(machine);
}

void lease_machine_drain(struct lease_machine *machine, bool drain)
{
	if (machine->draining == drain || machine->stopping)
		return;
	machine->draining = drain;
	/* a session that is over frees all its claims by one write */
	if (drain)
		lease_session_end(machine, LEASE_LOSS_DRAIN, "drained");
	machine->session.next_ns = 0;
	lease_claims_queue_all(machine);
	run_soon(machine);
}

void lease_machine_stop(struct lease_machine *machine)
{
	if (machine->stopping)
		return;
	machine->stopping = true;
	lease_session_end(machine, LEASE_LOSS_STOP, "stopping");
	machine->session.next_ns = 0;
	run_soon(machine);
}

int lease_machine_move(struct lease_machine *machine, const struct address *address,
		       const char *node, struct err *err)
{
	struct lease_claim *claim = lease_claim_find(machine, address);
	struct lease_peer *peer = lease_peer_find(machine, node);
	char text[INET6_ADDRSTRLEN];
	uint64_t now = lease_now(machine), session = 0;

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
	if (!peer || !lease_peer_is_candidate(machine, peer, now))
		return err_set(err, -EHOSTDOWN, "%s isn't alive, or is drained", node);
	if (claim->holder == peer && !lease_peer_session_over(peer, claim->session))
		return err_set(err, -EALREADY, "%s holds %s already", node, text);
	/* a wish not sent now would be lost: a claim is in one queue at most */
	if (claim->busy || claim->queued || claim->waiting || lease_claim_tried(claim, now))
		return err_set(err, -EBUSY, "%s is changing hands; try again", text);
	if (peer == machine->self && claim->wanted && !claim->owned && now >= claim->settled_ns)
		session = machine->session.id;
	lease_claim_move(machine, claim, peer, session, now);
	return 0;
}

void lease_machine_publish(struct lease_machine *machine, const struct lease_self *self)
{
	machine->own_count = self->own_count < RECORD_OWN_MAX ? self->own_count : RECORD_OWN_MAX;
	if (machine->own_count)
		memcpy(machine->own, self->own, machine->own_count * sizeof(machine->own[0]));
	machine->asks = self->asks;
	run_soon(machine);
}

uint8_t lease_machine_holds(const struct lease_machine *machine, const struct address *address)
{
	const struct lease_claim *claim = lease_claim_find(machine, address);

	return claim && claim->entry && lease_session_holds(machine) ? machine->session.slot : 0;
}

/* Does a node hold @claim, or did one lately? */
static bool claim_held_lately(const struct lease_machine *machine, const struct lease_claim *claim,
			      uint64_t now)
{
	if (claim->held ||
	    (claim->holder && !lease_peer_session_over(claim->holder, claim->session)))
		return true;
	return claim->was_held && (!claim->free_ns || now < claim->free_ns + machine->duration_ns);
}

static void slowest_tell(const struct lease_machine *machine, const struct lease_peer *peer,
			 struct lease_slowest *ret_slowest)
{
	node_name_copy(ret_slowest->node, peer->name);
	ret_slowest->duration_ns = lease_peer_wait_ns(machine, peer);
}

int lease_machine_info(struct lease_machine *machine, const struct address *address,
		       struct lease_info *ret_info)
{
	const struct lease_claim *claim = lease_claim_find(machine, address);
	const struct lease_peer *owner = lease_owner_find(machine, address), *holder, *slowest;
	struct lease_info info = {};
	uint64_t now = lease_now(machine), until = 0;

	/* a query makes this node take part: the caller may ask again */
	machine->leave_ns = now + 2 * machine->forget_ns;
	if (machine->store && (machine->leaving || !machine->view_ns)) {
		run_soon(machine);
		return -EAGAIN;
	}
	if (!claim || (!claim->wanted && claim->shape == RECORD_ABSENT))
		return machine->store && !machine->owners ? -EAGAIN : -ENOENT; /* view_forget() */
	holder = claim->held ? machine->self : claim->holder;
	info.held = claim->held;
	info.newer = claim->shape == RECORD_NEWER;
	info.store_full = !lease_claim_has_room(machine, claim);
	info.lately = claim_held_lately(machine, claim, now);
	info.transitions = claim->transitions;
	if (claim->wish && claim->wish != claim->holder)
		node_name_copy(info.wish, claim->wish->name);
	if (holder)
		node_name_copy(info.holder, holder->name);
	info.holder_preferred = holder && lease_claim_prefers(claim, holder);
	if (owner)
		node_name_copy(info.owner, owner->name);
	if (claim->former)
		node_name_copy(info.former, claim->former->name);
	slowest = lease_claim_waits_for(machine, claim, now);
	if (slowest)
		slowest_tell(machine, slowest, &info.slowest);
	if (claim->held) {
		info.slot = machine->session.slot;
		info.holder_alive = true;
		until = machine->session.deadline_ns;
	} else if (holder && !lease_peer_session_over(holder, claim->session)) {
		info.holder_alive = lease_peer_alive(machine, holder, now);
		until = lease_peer_silent_until(machine, holder);
		/* others watch it: it was renewed just now, as far as is known */
		if (until == LEASE_NEVER)
			until = now + lease_peer_wait_ns(machine, holder);
	}
	info.remaining_ns = until > now ? until - now : 0;
	*ret_info = info;
	return 0;
}

/* The first address that waits for another node's leases alone. */
static void find_slowest(const struct lease_machine *machine, struct lease_status *status)
{
	uint64_t now = lease_now(machine);

	/* else it isn't looked for: there is none */
	if (now >= machine->slow_until_ns)
		return;
	for (const struct lease_claim *claim = machine->claims; claim; claim = claim->hh.next) {
		const struct lease_peer *slowest = lease_claim_waits_for(machine, claim, now);

		if (!slowest)
			continue;
		slowest_tell(machine, slowest, &status->slowest);
		status->slow_address = claim->address;
		return;
	}
}

void lease_machine_status(const struct lease_machine *machine, struct lease_status *ret_status)
{
	struct lease_status status = machine->figures;

	find_slowest(machine, &status);
	status.state = machine->state;
	if (machine->session.phase != SESSION_NONE)
		status.slot = machine->session.slot;
	status.deadline_ns = machine->session.deadline_ns;
	*ret_status = status;
}

static void event_reset(void *userdata)
{
	struct lease_machine *machine = userdata;

	machine->synced = false;
	machine->generation++;
}

/* A view that is too large is given up as a whole: what is in it may be of no use. */
static void view_forget(struct lease_machine *machine)
{
	machine->synced = false;
	lease_owners_forget(machine);
	lease_watch_end(machine);
	lease_claims_forget(machine);
	lease_peers_forget(machine);
}

static bool event_record(const struct record *record, void *userdata)
{
	struct lease_machine *machine = userdata;
	bool fits = record->kind == RECORD_CLAIM ? lease_claim_fits(machine, record)
						 : record->shape == RECORD_ABSENT ||
							   lease_peer_fits(machine, record->node);

	if (!fits) {
		view_forget(machine);
		return false;
	}
	if (record->kind == RECORD_CLAIM)
		lease_claim_record(machine, record);
	else if (lease_peer_record(machine, record))
		lease_claims_queue_all(machine);
	/* an incomplete list isn't a consistent state of the store */
	if (machine->synced)
		run_soon(machine);
	return true;
}

static void event_synced(void *userdata)
{
	struct lease_machine *machine = userdata;

	machine->view_ns = lease_now(machine);
	lease_peers_synced(machine);
	lease_claims_synced(machine);
	machine->synced = true;
	run_soon(machine);
}

static void event_pulses_reset(void *userdata)
{
	lease_pulses_reset(userdata);
}

static void event_pulse(const struct record *record, void *userdata)
{
	lease_pulse_record(userdata, record);
	run_soon(userdata);
}

static void event_pulses_synced(void *userdata)
{
	lease_pulses_synced(userdata);
	run_soon(userdata);
}

static void event_swapped(const struct record *record, int result, void *userdata)
{
	struct lease_machine *machine = userdata;

	if (record->kind == RECORD_CLAIM)
		/* the view shows the outcome */
		lease_claim_swapped(machine, record, result);
	else if (!strcmp(record->node, machine->self->name))
		lease_session_swapped(machine, record, result);
	else
		lease_peer_swapped(machine, record, result);
	run_soon(machine);
}

static void event_reachable(const char *trouble, void *userdata)
{
	struct lease_machine *machine = userdata;

	snprintf(machine->figures.trouble, sizeof(machine->figures.trouble), "%s", trouble ?: "");
	if (trouble)
		lease_log(machine, LOG_WARNING, "%s", trouble);
	else
		lease_log(machine, LOG_INFO, "the lease store answers");
}

const struct store_events lease_machine_events = {
	.reset = event_reset,
	.record = event_record,
	.synced = event_synced,
	.swapped = event_swapped,
	.pulses_reset = event_pulses_reset,
	.pulse = event_pulse,
	.pulses_synced = event_pulses_synced,
	.reachable = event_reachable,
};
