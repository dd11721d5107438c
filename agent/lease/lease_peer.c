// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <string.h>
#include <syslog.h>

#include "lease_peer.h"
#include "text_hash.h"

struct lease_peer *lease_peer_find(const struct lease_machine *machine, const char *name)
{
	struct lease_peer *peer;

	HASH_FIND_STR(machine->peers, name, peer);
	return peer;
}

struct lease_peer *lease_peer_get(struct lease_machine *machine, const char *name)
{
	struct lease_peer *peer = lease_peer_find(machine, name);

	if (peer)
		return peer;
	peer = xcalloc(1, sizeof(*peer) + strlen(name) + 1);
	memcpy(peer->name, name, strlen(name) + 1);
	peer->point = hash_finish(hash_text(HASH_BEGIN, name));
	peer->settled_ns = lease_absent_since(machine) + lease_peer_wait_ns(machine, peer);
	HASH_ADD_KEYPTR(hh, machine->peers, peer->name, strlen(peer->name), peer);
	return peer;
}

static void peer_free(struct lease_machine *machine, struct lease_peer *peer)
{
	HASH_DEL(machine->peers, peer);
	free(peer);
}

void lease_peers_free(struct lease_machine *machine)
{
	struct lease_peer *peer, *next;

	HASH_ITER(hh, machine->peers, peer, next)
	peer_free(machine, peer);
}

static void peer_name(struct lease_peer *peer)
{
	if (peer)
		peer->named = true;
}

/* Forgets nodes whose heartbeat is long gone, and that no claim names. */
static void peers_sweep(struct lease_machine *machine)
{
	uint64_t now = lease_now(machine);
	struct lease_peer *peer, *next;

	for (peer = machine->peers; peer; peer = peer->hh.next)
		peer->named = peer == machine->self || peer == machine->slowest || peer->busy ||
			      peer->watched;
	for (struct lease_claim *claim = machine->claims; claim; claim = claim->hh.next) {
		peer_name(claim->holder);
		peer_name(claim->last);
		peer_name(claim->former);
		peer_name(claim->wish);
		peer_name(claim->slowest);
	}
	HASH_ITER(hh, machine->peers, peer, next)
	if (!peer->named && peer->shape == RECORD_ABSENT && now >= peer->settled_ns)
		peer_free(machine, peer);
}

bool lease_peer_fits(struct lease_machine *machine, const char *name)
{
	if (!*name || HASH_COUNT(machine->peers) < STORE_NODES_MAX ||
	    lease_peer_find(machine, name))
		return true;
	/* else some may be in the table of owners still */
	if (!machine->owners_due)
		peers_sweep(machine);
	return HASH_COUNT(machine->peers) < STORE_NODES_MAX;
}

/* May @peer still renew its stamp? Others answer until their settled_ns at most. */
static bool peer_may_renew(const struct lease_machine *machine, const struct lease_peer *peer,
			   uint64_t now)
{
	return peer->shape == RECORD_NEWER || lease_peer_alive(machine, peer, now);
}

void lease_peers_forget(struct lease_machine *machine)
{
	struct lease_peer *peer, *next, *longest = machine->self, *latest = machine->self;
	uint64_t now = lease_now(machine);

	for (peer = machine->peers; peer; peer = peer->hh.next) {
		if (peer_may_renew(machine, peer, now) &&
		    lease_peer_wait_ns(machine, peer) > lease_peer_wait_ns(machine, longest))
			longest = peer;
		if (peer->settled_ns > latest->settled_ns)
			latest = peer;
	}
	machine->slowest = NULL;
	HASH_ITER(hh, machine->peers, peer, next)
	if (peer != machine->self && peer != longest && peer != latest)
		peer_free(machine, peer);
}

uint64_t lease_peer_wait_ns(const struct lease_machine *machine, const struct lease_peer *peer)
{
	uint64_t theirs = peer->heartbeat.duration_ms * LEASE_NS_PER_MS;

	return theirs > machine->duration_ns ? theirs : machine->duration_ns;
}

/* Does the view show each renewal of @peer? */
static bool is_shown(const struct lease_machine *machine, const struct lease_peer *peer)
{
	return !machine->selective || peer == machine->self;
}

uint64_t lease_peer_silent_until(const struct lease_machine *machine, const struct lease_peer *peer)
{
	uint64_t wait = lease_peer_wait_ns(machine, peer);
	uint64_t theirs = peer->pulse.heartbeat.duration_ms * LEASE_NS_PER_MS;

	if (is_shown(machine, peer))
		return peer->shape == RECORD_GOOD ? peer->changed_ns + wait : peer->settled_ns;
	if (!peer->pulse.changed_ns)
		return LEASE_NEVER;
	return peer->pulse.changed_ns + (theirs > wait ? theirs : wait);
}

bool lease_heartbeat_beats(const struct heartbeat *heartbeat)
{
	return heartbeat->state == HEARTBEAT_ALIVE || heartbeat->state == HEARTBEAT_DRAINING;
}

bool lease_peer_alive(const struct lease_machine *machine, const struct lease_peer *peer,
		      uint64_t now)
{
	return peer->shape == RECORD_GOOD && lease_heartbeat_beats(&peer->heartbeat) &&
	       now < lease_peer_silent_until(machine, peer);
}

bool lease_peer_is_candidate(const struct lease_machine *machine, const struct lease_peer *peer,
			     uint64_t now)
{
	return lease_peer_alive(machine, peer, now) && peer->heartbeat.state == HEARTBEAT_ALIVE;
}

bool lease_peer_session_over(const struct lease_peer *peer, uint64_t session)
{
	return peer->shape == RECORD_GOOD &&
	       (peer->heartbeat.session != session || !lease_heartbeat_beats(&peer->heartbeat));
}

/* Until when entries of @peer may answer for a claim that vanished at @since. */
static uint64_t peer_answers_until(const struct lease_machine *machine,
				   const struct lease_peer *peer, uint64_t since, uint64_t now)
{
	if (peer_may_renew(machine, peer, now))
		return since + lease_peer_wait_ns(machine, peer);
	/* dead, ended, or silent for so long that its stamp is over */
	return peer->settled_ns;
}

uint64_t lease_vanished_until(const struct lease_machine *machine, uint64_t since,
			      struct lease_peer **ret_slowest)
{
	uint64_t now = lease_now(machine), own = since + machine->duration_ns, latest = own;
	struct lease_peer *slowest = NULL;

	for (struct lease_peer *peer = machine->peers; peer; peer = peer->hh.next) {
		uint64_t until = peer_answers_until(machine, peer, since, now);

		if (until > latest) {
			latest = until;
			slowest = peer;
		}
	}
	*ret_slowest = slowest != machine->self && latest - own >= LEASE_NS_PER_MS ? slowest : NULL;
	return latest;
}

bool lease_heartbeat_differs(const struct heartbeat *old, const struct heartbeat *new)
{
	return old->session != new->session || old->state != new->state ||
	       old->weight != new->weight || old->duration_ms != new->duration_ms ||
	       memcmp(old->groups, new->groups, sizeof(old->groups)) != 0 ||
	       old->own_count != new->own_count ||
	       memcmp(old->own, new->own, old->own_count * sizeof(old->own[0])) != 0;
}

void lease_pulse_set(const struct lease_machine *machine, struct lease_peer *peer,
		     const struct record *record)
{
	struct lease_pulse *pulse = &peer->pulse;

	pulse->generation = machine->pulse_generation;
	if (pulse->changed_ns && pulse->shape == record->shape &&
	    pulse->revision == record->revision)
		return;
	pulse->shape = record->shape;
	pulse->revision = record->revision;
	pulse->changed_ns = lease_now(machine);
	if (record->shape == RECORD_GOOD)
		pulse->heartbeat = record->heartbeat;
}

static bool record_is_dead(const struct record *record)
{
	return record->shape == RECORD_GOOD && record->heartbeat.state == HEARTBEAT_DEAD;
}

static bool removal_is_shown(const struct lease_machine *machine, const struct lease_peer *peer)
{
	return is_shown(machine, peer) || machine->store->shows_removals;
}

/* The view shows this node's own heartbeat, perhaps after the store has confirmed the next one. */
static void own_is_shown(struct lease_machine *machine, const struct record *record)
{
	struct lease_session *own = &machine->session;

	own->seen = true;
	if (record->shape != RECORD_ABSENT && record->revision <= own->revision)
		return;
	own->revision = record->revision;
	own->shown_known &= record->shape == RECORD_GOOD &&
			    !lease_heartbeat_differs(&own->shown, &record->heartbeat);
}

bool lease_peer_record(struct lease_machine *machine, const struct record *record)
{
	struct lease_peer *peer = lease_peer_find(machine, record->node);
	uint64_t spread = machine->forget_ns / 4;
	bool differs;

	if (!peer && record->shape == RECORD_ABSENT) {
		machine->vanished_ns = lease_now(machine);
		return false;
	}
	peer = peer ?: lease_peer_get(machine, record->node);
	peer->generation = machine->generation;
	/* a view that was given up may have forgotten it, though not the peer */
	if (!machine->selective)
		lease_pulse_set(machine, peer, record);
	if (peer->changed_ns && peer->shape == record->shape && peer->revision == record->revision)
		return false;
	differs = peer->shape != record->shape || record->shape != RECORD_GOOD ||
		  lease_heartbeat_differs(&peer->heartbeat, &record->heartbeat);
	machine->watch_due |= differs;
	machine->owners_due |= differs;
	if (peer->watched && lease_heartbeat_beats(&peer->heartbeat) && record_is_dead(record))
		/* those that watch others may be dead, too: watch more for a while */
		machine->watch_more_ns = lease_now(machine) + 2 * lease_peer_wait_ns(machine, peer);
	peer->shape = record->shape;
	peer->revision = record->revision;
	peer->changed_ns = lease_now(machine);
	if (record->shape == RECORD_GOOD) {
		if (!peer->met_ns || peer->heartbeat.session != record->heartbeat.session)
			peer->met_ns = peer->changed_ns;
		peer->heartbeat = record->heartbeat;
		/* at another time on each node: one of them is enough */
		if (!lease_heartbeat_beats(&peer->heartbeat))
			peer->remove_ns = peer->changed_ns + machine->forget_ns +
					  machine->clock.random(machine->clock.userdata) % spread;
	}
	/* in a list there is no telling since when it had vanished, nor where that isn't shown */
	if (record->shape != RECORD_GOOD ||
	    (record->heartbeat.unsettled && (!machine->synced || !removal_is_shown(machine, peer))))
		peer->settled_ns = peer->changed_ns + lease_peer_wait_ns(machine, peer);
	if (record->shape == RECORD_FOREIGN)
		lease_log(machine, LOG_WARNING, "the heartbeat of %s isn't readable", peer->name);
	if (peer == machine->self)
		own_is_shown(machine, record);
	return differs;
}

void lease_peers_synced(struct lease_machine *machine)
{
	for (struct lease_peer *peer = machine->peers; peer; peer = peer->hh.next) {
		struct record gone = { .kind = RECORD_HEARTBEAT, .shape = RECORD_ABSENT };

		if (peer->generation == machine->generation)
			continue;
		/* it may have come back and gone again in between */
		peer->settled_ns = machine->view_ns + lease_peer_wait_ns(machine, peer);
		node_name_copy(gone.node, peer->name);
		lease_peer_record(machine, &gone);
	}
}

/* Writes @record over the heartbeat of @peer, unless it changed meanwhile. */
static void peer_swap(struct lease_machine *machine, struct lease_peer *peer, struct record *record,
		      uint64_t now)
{
	record->kind = RECORD_HEARTBEAT;
	node_name_copy(record->node, peer->name);
	peer->busy = true;
	peer->retry_ns = now + machine->retry_period_ns;
	machine->store->swap(machine->store, record);
}

/* Declares the silent @peer dead, if it still is silent: the swap fails if it renewed. */
static void peer_bury(struct lease_machine *machine, struct lease_peer *peer, uint64_t now)
{
	const struct lease_pulse *pulse = &peer->pulse;
	struct record record = {
		.shape = RECORD_GOOD,
		.revision = pulse->revision,
		.shown_revision = peer->revision,
	};

	if (pulse->shape == RECORD_GOOD) {
		record.heartbeat = pulse->heartbeat;
	} else {
		memset(record.heartbeat.id, '0', RECORD_ID_DIGITS);
		record.heartbeat.duration_ms = machine->duration_ns / LEASE_NS_PER_MS;
	}
	record.heartbeat.state = HEARTBEAT_DEAD;
	record.heartbeat.unsettled = pulse->shape == RECORD_ABSENT;
	record.heartbeat.all = true;
	lease_log(machine, LOG_NOTICE, "%s was silent for %" PRIu64 " ms: declaring it dead",
		  peer->name, lease_peer_wait_ns(machine, peer) / LEASE_NS_PER_MS);
	peer_swap(machine, peer, &record, now);
}

static void peer_remove(struct lease_machine *machine, struct lease_peer *peer, uint64_t now)
{
	struct record record = { .shape = RECORD_ABSENT, .revision = peer->revision };

	lease_log(machine, LOG_INFO, "%s is gone, and nothing names it: removing its heartbeat",
		  peer->name);
	peer_swap(machine, peer, &record, now);
}

/* When @peer is to be declared dead. LEASE_NEVER: that takes an event. */
static uint64_t bury_from(const struct lease_machine *machine, const struct lease_peer *peer)
{
	uint64_t until = lease_peer_silent_until(machine, peer);
	const struct lease_pulse *pulse = &peer->pulse;

	if (until == LEASE_NEVER || pulse->shape == RECORD_NEWER ||
	    (pulse->shape == RECORD_GOOD && !lease_heartbeat_beats(&pulse->heartbeat)) ||
	    (peer->shape == RECORD_GOOD && !lease_heartbeat_beats(&peer->heartbeat)))
		return LEASE_NEVER;
	if (peer->claims)
		return until;
	/* nobody waits for that: only so that its record can be removed */
	if (pulse->shape != RECORD_GOOD && peer->shape != RECORD_GOOD)
		return LEASE_NEVER;
	return until + machine->forget_ns;
}

/* When the record of @peer is to be removed. Claims that name it are free as long as it is there.
 */
static uint64_t remove_from(const struct lease_peer *peer)
{
	if (peer->shape != RECORD_GOOD || lease_heartbeat_beats(&peer->heartbeat) || peer->claims)
		return LEASE_NEVER;
	return peer->remove_ns > peer->settled_ns ? peer->remove_ns : peer->settled_ns;
}

uint64_t lease_peers_run(struct lease_machine *machine, uint64_t now)
{
	uint64_t due = LEASE_NEVER;

	if (machine->session.phase != SESSION_LIVE || !machine->store || !machine->synced)
		return LEASE_NEVER;
	for (struct lease_peer *peer = machine->peers; peer; peer = peer->hh.next) {
		uint64_t bury = bury_from(machine, peer), remove = remove_from(peer);
		uint64_t from = bury < remove ? bury : remove;

		if (peer == machine->self || peer->busy || from == LEASE_NEVER)
			continue;
		from = from > peer->retry_ns ? from : peer->retry_ns;
		if (now < from)
			due = from < due ? from : due;
		else if (bury < remove)
			peer_bury(machine, peer, now);
		else
			peer_remove(machine, peer, now);
	}
	return due;
}

void lease_peer_swapped(struct lease_machine *machine, const struct record *record, int result)
{
	struct lease_peer *peer = lease_peer_find(machine, record->node);

	if (!peer)
		return;
	peer->busy = false;
	/* it may not remove records, and needn't try each retryPeriod */
	if (result && record->shape == RECORD_ABSENT)
		peer->remove_ns = lease_now(machine) + machine->forget_ns;
}
