// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "l2resp.h"
#include "lease_claim_rules.h"
#include "lease_claim_table.h"
#include "lease_claim_write.h"
#include "lease_peer.h"
#include "lease_session.h"
#include "lease_watch.h"

/* Engine none: nobody else counts sessions. */
#define SLOT_ALONE 1

/* More attempts than the process before can have made since the one that is in the store. */
#define RESUME_SKIP (UINT64_C(1) << 32)

/* Writes the own heartbeat over the revision last known, with the next sequence number. */
static void heartbeat_send(struct lease_machine *machine, uint64_t session,
			   enum heartbeat_state state)
{
	struct lease_session *own = &machine->session;
	struct record record = {
		.kind = RECORD_HEARTBEAT,
		.shape = RECORD_GOOD,
		.revision = own->revision,
		.heartbeat = {
			.session = session,
			.sequence = ++own->sequence,
			.state = state,
			.slot = own->slot,
			.duration_ms = machine->duration_ns / LEASE_NS_PER_MS,
			.weight = machine->weight,
		},
	};
	uint64_t now = lease_now(machine);

	/* the stamp of before a restart may be of a longer duration: others must wait for that */
	if (own->phase == SESSION_RESUMING &&
	    record.heartbeat.duration_ms < machine->self->heartbeat.duration_ms)
		record.heartbeat.duration_ms = machine->self->heartbeat.duration_ms;
	record.heartbeat.unsettled =
		machine->self->shape == RECORD_ABSENT || now < machine->self->settled_ns;
	node_name_copy(record.node, machine->self->name);
	memcpy(record.heartbeat.id, machine->id, RECORD_ID_DIGITS);
	memcpy(record.heartbeat.groups, machine->groups, sizeof(machine->groups));
	memcpy(record.heartbeat.own, machine->own, machine->own_count * sizeof(machine->own[0]));
	record.heartbeat.own_count = machine->own_count;
	record.heartbeat.all =
		!own->shown_known || lease_heartbeat_differs(&own->shown, &record.heartbeat);
	own->sent_ns[own->sequence % LEASE_ATTEMPTS] = now;
	own->next_ns = now + machine->retry_period_ns;
	/* those that wait for the view are remembered for a whole renewDeadline */
	if (own->waits_ns && own->next_ns < now + machine->renew_deadline_ns / LEASE_ATTEMPTS)
		own->next_ns = now + machine->renew_deadline_ns / LEASE_ATTEMPTS;
	own->waits_ns = own->waits_ns ?: now;
	own->busy = true;
	own->over = false;
	machine->figures.waits = NULL;
	machine->store->swap(machine->store, &record);
}

void lease_session_swapped(struct lease_machine *machine, const struct record *record, int result)
{
	struct lease_session *own = &machine->session;

	own->busy = false;
	if (!result) {
		/* ahead of the view, whose turn it is to confirm */
		own->revision = record->revision;
		own->over = record->heartbeat.state == HEARTBEAT_ENDED;
		if (record->heartbeat.all) {
			own->shown = record->heartbeat;
			own->shown_known = true;
		}
		return;
	}
	machine->figures.renewal_failures++;
	if (result == -EAGAIN) {
		own->revision = machine->self->revision;
		own->seen = true;
		own->shown_known = false;
	}
}

void lease_session_end(struct lease_machine *machine, enum lease_loss reason, const char *why)
{
	struct lease_session *own = &machine->session;

	if (own->phase == SESSION_NONE)
		return;
	own->phase = SESSION_NONE;
	own->ended = own->id;
	own->deadline_ns = 0;
	own->purging = true;
	own->reason = reason;
	lease_state_set(machine, LEASE_CONNECTING, "session ended: %s", why);
}

/* None begins before @until, though the store answers; it may begin then. */
static uint64_t session_waits(struct lease_machine *machine, uint64_t until, const char *why)
{
	if (machine->figures.waits != why)
		lease_log(machine, LOG_NOTICE, "no session begins yet: %s", why);
	machine->figures.waits = why;
	return until;
}

/* Has the data path no entry of a session any more? Asked again until it says so. */
static bool session_purge(struct lease_machine *machine)
{
	int r = machine->callbacks->purge(machine->userdata);

	if (r < 0) {
		lease_log(machine, LOG_ERR,
			  "entries of an ended session can't be deleted, so no other begins: %s",
			  strerror(-r));
		return false;
	}
	if (machine->session.purging)
		lease_claims_end(machine, machine->session.reason);
	machine->session.purging = false;
	return true;
}

/* A slot that the data path doesn't answer for, since an entry of before may name it. 0: none. */
static uint8_t slot_choose(struct lease_machine *machine, uint64_t now)
{
	uint8_t slot = machine->session.slot ?: machine->self->heartbeat.slot;

	for (int i = 1; i < L2RESP_LEASE_SLOTS; i++) {
		uint64_t until;

		slot = slot % (L2RESP_LEASE_SLOTS - 1) + 1;
		if (!machine->callbacks->stamped(slot, &until, machine->userdata) && until <= now)
			return slot;
	}
	return 0;
}

static uint64_t session_start(struct lease_machine *machine, uint64_t now)
{
	struct lease_session *own = &machine->session;
	uint8_t slot = slot_choose(machine, now);

	/* lease_claims_resume() may have been broken off */
	own->purging |= !own->had;
	/* purged even if it was at the last session's end: with an id of its own this one frees
	 * every claim of an earlier process */
	if (!slot || !session_purge(machine))
		return session_waits(machine, now + machine->retry_period_ns,
				     "entries of a former one are still in the data path");
	own->id = machine->clock.random(machine->clock.userdata);
	own->slot = slot;
	own->sequence = own->base = 0;
	own->waits_ns = 0;
	own->had = true;
	own->phase = SESSION_STARTING;
	machine->swaps_max = machine->store->swaps_min;
	heartbeat_send(machine, own->id, machine->draining ? HEARTBEAT_DRAINING : HEARTBEAT_ALIVE);
	return own->next_ns;
}

static uint64_t session_resume(struct lease_machine *machine, uint64_t deadline_ns)
{
	struct lease_session *own = &machine->session;
	const struct heartbeat *heartbeat = &machine->self->heartbeat;
	uint64_t now = lease_now(machine);
	int r;

	own->id = heartbeat->session;
	own->slot = heartbeat->slot;
	own->phase = SESSION_RESUMING;
	r = lease_claims_resume(machine);
	if (r) {
		own->phase = SESSION_NONE;
		own->next_ns = now;
		if (r < 0) {
			lease_log(machine, LOG_ERR, "the session isn't resumed yet: %s",
				  strerror(-r));
			own->next_ns += machine->retry_period_ns;
		}
		return own->next_ns;
	}
	/* those of the processes before may be written only now, which says nothing of this one's;
	 * no process sends one each nanosecond */
	own->sequence = own->base =
		now > heartbeat->sequence ? now : heartbeat->sequence + RESUME_SKIP;
	own->deadline_ns = deadline_ns;
	own->had = true;
	heartbeat_send(machine, own->id, HEARTBEAT_ALIVE);
	return own->next_ns;
}

/* Nothing is left of ours: it says so, or takes no part until something is wanted. */
static uint64_t session_closed(struct lease_machine *machine)
{
	if (machine->following && !machine->stopping) {
		machine->following = machine->synced = false;
		machine->view_ns = 0;
		lease_watch_end(machine);
		machine->store->follow(machine->store, false);
	}
	if (machine->stopping)
		lease_state_set(machine, LEASE_ENDED, "the session is closed");
	else
		lease_state_set(machine, LEASE_IDLE, "no address is wanted here");
	return LEASE_NEVER;
}

/* Closes what session of ours the store has. */
static uint64_t session_finish(struct lease_machine *machine, uint64_t now)
{
	struct lease_session *own = &machine->session;
	const struct lease_peer *self = machine->self;
	bool absent = self->shape == RECORD_ABSENT;
	/* one sent before may be written, or seen, only later, unless the end comes before it */
	bool ours = absent ? own->sequence > 0
			   : self->shape == RECORD_GOOD &&
				     lease_heartbeat_beats(&self->heartbeat) &&
				     !strcmp(self->heartbeat.id, machine->id);

	if (!ours || own->over)
		return session_closed(machine);
	if (now < own->next_ns)
		return own->next_ns;
	/* it may be the process before's, with its entries */
	if (!session_purge(machine))
		return now + machine->retry_period_ns;
	heartbeat_send(machine, absent ? own->id : self->heartbeat.session, HEARTBEAT_ENDED);
	return own->next_ns;
}

/* No session: may one begin, by what the store has under this node's name? Returns when to ask
 * again. */
static uint64_t session_begin(struct lease_machine *machine, uint64_t now)
{
	const struct lease_peer *self = machine->self;
	uint64_t until = lease_peer_silent_until(machine, self), stamped;

	if (!machine->following)
		return session_closed(machine);
	if (!machine->synced || machine->session.busy)
		return LEASE_NEVER;
	if (machine->stopping || machine->leaving)
		return session_finish(machine, now);
	if (now < machine->session.next_ns)
		return machine->session.next_ns;
	switch (self->shape) {
	case RECORD_ABSENT:
		/* with a session of another id those claims would be free at once; and one that
		 * was there may have been another agent's */
		if ((self->claims || self->met_ns) && now < until)
			return session_waits(machine, until,
					     "this node's record was deleted, and whoever wrote it "
					     "may still answer for a lease duration");
		break;
	case RECORD_FOREIGN:
		if (now < until)
			return session_waits(machine, until,
					     "this node's record can't be read, and whoever wrote "
					     "it may still answer for a lease duration");
		break;
	case RECORD_NEWER:
		lease_state_set(machine, LEASE_NEWER,
				"its record is of a newer version; upgrade this agent");
		return LEASE_NEVER;
	case RECORD_GOOD:
		if (!lease_heartbeat_beats(&self->heartbeat))
			break;
		if (strcmp(self->heartbeat.id, machine->id)) {
			if (now >= until)
				break;
			lease_state_set(machine, LEASE_NAME_TAKEN,
					"another agent (id %s) has the node name %s; waiting until "
					"it is silent",
					self->heartbeat.id, self->name);
			return until;
		}
		if (self->heartbeat.session == machine->session.ended)
			break;
		if (machine->callbacks->stamped(self->heartbeat.slot, &stamped, machine->userdata) <
		    0)
			return now + machine->retry_period_ns;
		/* this data path knows it: it is of the process before */
		if (!machine->session.had && stamped) {
			if (!machine->draining && self->heartbeat.slot != L2RESP_LEASE_FOREVER &&
			    stamped > now)
				return session_resume(machine, stamped);
			break;
		}
		if (now >= until)
			break;
		if (self->changed_ns > machine->view_ns)
			lease_state_set(machine, LEASE_NAME_TAKEN,
					"another agent has the node name %s and the same id; "
					"waiting until it is silent",
					self->name);
		return session_waits(machine, until,
				     "this node's record is of a session that this host never had, "
				     "or that wasn't confirmed; it may live for a lease duration");
	}
	return session_start(machine, now);
}

/* Renewal @sequence is in the view, and with it everything written before. */
static void session_confirm(struct lease_machine *machine, uint64_t sequence, uint64_t now)
{
	struct lease_session *own = &machine->session;
	uint64_t sent, deadline;
	int r;

	if (sequence <= own->base || sequence > own->sequence ||
	    sequence + LEASE_ATTEMPTS <= own->sequence)
		return;
	sent = own->sent_ns[sequence % LEASE_ATTEMPTS];
	deadline = sent + machine->duration_ns - machine->margin_ns;
	if (sent <= own->confirmed_ns || now >= sent + machine->renew_deadline_ns)
		return;
	/* the stamp speaks for every entry in the slot: each must be of a claim that is ours */
	if (lease_claims_settle_disputes(machine) < 0 ||
	    (own->phase == SESSION_RESUMING && !session_purge(machine)))
		return;
	r = machine->callbacks->stamp(own->slot, deadline, machine->userdata);
	if (r < 0) {
		lease_log(machine, LOG_ERR, "the lease can't be stamped: %s", strerror(-r));
		return;
	}
	lease_claims_renewed(machine, now);
	own->confirmed_ns = sent;
	own->waits_ns =
		sequence == own->sequence ? 0 : own->sent_ns[(sequence + 1) % LEASE_ATTEMPTS];
	own->deadline_ns = deadline;
	machine->figures.renewals++;
	machine->figures.renew_latency_ns = now - sent;
	histogram_note(&machine->figures.renew_times, now - sent);
	if (own->phase != SESSION_LIVE) {
		own->phase = SESSION_LIVE;
		own->began_ns = now;
		machine->figures.sessions++;
		lease_claims_queue_all(machine);
	}
	lease_state_set(machine, machine->draining ? LEASE_DRAINED : LEASE_ACTIVE,
			"session %016" PRIx64 " in lease slot %u", own->id, own->slot);
}

/* The own heartbeat changed in the view. */
static void session_seen(struct lease_machine *machine, uint64_t now)
{
	struct lease_session *own = &machine->session;
	const struct lease_peer *self = machine->self;

	own->seen = false;
	if (own->phase == SESSION_NONE)
		return;
	if (self->shape == RECORD_GOOD && self->heartbeat.session == own->id &&
	    lease_heartbeat_beats(&self->heartbeat) && !strcmp(self->heartbeat.id, machine->id)) {
		session_confirm(machine, self->heartbeat.sequence, now);
		return;
	}
	/* a view that lags behind shows what the own writes have replaced */
	if (self->shape != RECORD_ABSENT && self->revision < own->revision)
		return;
	if (own->phase == SESSION_STARTING) {
		/* something came first: decide anew */
		own->phase = SESSION_NONE;
		return;
	}
	if (self->shape == RECORD_ABSENT || self->shape == RECORD_FOREIGN) {
		/* the next renewal does it; at once it might come before claims that were deleted
		 * along with it are written again */
		lease_log(machine, LOG_WARNING, "the own heartbeat was %s; writing it again",
			  self->shape == RECORD_ABSENT ? "deleted" : "overwritten");
		return;
	}
	lease_session_end(machine, LEASE_LOSS_SESSION,
			  self->shape == RECORD_GOOD && !lease_heartbeat_beats(&self->heartbeat)
				  ? "another node declared it dead"
				  : "another agent took the node's name");
}

/* When the session ends for want of a renewal: the agent withdraws what the data path would soon
 * refuse. */
static uint64_t session_limit(const struct lease_machine *machine)
{
	const struct lease_session *own = &machine->session;
	uint64_t limit = own->confirmed_ns + machine->renew_deadline_ns;

	if (!lease_session_holds(machine))
		return LEASE_NEVER;
	if (own->phase == SESSION_RESUMING || own->deadline_ns < limit)
		return own->deadline_ns;
	return limit;
}

static uint64_t run_alone(struct lease_machine *machine, uint64_t now)
{
	struct lease_session *own = &machine->session;
	uint64_t deadline = now + machine->duration_ns - machine->margin_ns, until;
	int r;

	if (machine->stopping) {
		lease_state_set(machine, LEASE_ENDED, "stopped");
		return LEASE_NEVER;
	}
	if (now < own->next_ns)
		return own->next_ns;
	own->next_ns = now + machine->retry_period_ns;
	/* a lapsed session isn't revived: its addresses may be another host's by now; nor is one
	 * that was to give them up */
	if (own->phase == SESSION_NONE &&
	    (machine->draining ||
	     machine->callbacks->stamped(SLOT_ALONE, &until, machine->userdata) < 0 ||
	     until <= now) &&
	    !session_purge(machine))
		return own->next_ns;
	own->slot = SLOT_ALONE;
	r = machine->callbacks->stamp(own->slot, deadline, machine->userdata);
	if (r < 0) {
		lease_log(machine, LOG_ERR, "the lease can't be stamped: %s", strerror(-r));
		return session_waits(machine, own->next_ns, "the data path can't be written");
	}
	machine->figures.waits = NULL;
	own->deadline_ns = deadline;
	machine->figures.renewals++;
	if (own->phase == SESSION_NONE) {
		own->phase = SESSION_LIVE;
		machine->figures.sessions++;
		lease_claims_queue_all(machine);
	}
	lease_state_set(machine, machine->draining ? LEASE_DRAINED : LEASE_ACTIVE,
			"no store: this node holds all that it wants");
	return own->next_ns;
}

void lease_session_sweep(struct lease_machine *machine)
{
	struct lease_session *own = &machine->session;

	if (machine->settled && own->phase == SESSION_LIVE && !own->swept)
		own->swept = machine->callbacks->purge(machine->userdata) >= 0;
}

uint64_t lease_session_run(struct lease_machine *machine, uint64_t now)
{
	struct lease_session *own = &machine->session;
	uint64_t limit;

	if (machine->synced && own->seen)
		session_seen(machine, now);
	if (machine->store && now >= session_limit(machine))
		lease_session_end(machine, LEASE_LOSS_SESSION, "it wasn't renewed in time");
	if (machine->leaving && machine->following)
		lease_session_end(machine, LEASE_LOSS_UNWANTED, "no address is wanted here");
	if (own->purging && !session_purge(machine))
		return now + machine->retry_period_ns;
	if (!machine->store)
		return run_alone(machine, now);
	if (own->phase == SESSION_NONE)
		return session_begin(machine, now);
	if (!own->busy && now >= own->next_ns)
		heartbeat_send(machine, own->id,
			       machine->draining ? HEARTBEAT_DRAINING : HEARTBEAT_ALIVE);
	limit = session_limit(machine);
	return own->busy || limit < own->next_ns ? limit : own->next_ns;
}
