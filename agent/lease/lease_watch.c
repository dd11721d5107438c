// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "lease_peer.h"
#include "lease_watch.h"

void lease_pulses_reset(struct lease_machine *machine)
{
	machine->pulse_generation++;
}

void lease_pulse_record(struct lease_machine *machine, const struct record *record)
{
	struct lease_peer *peer = lease_peer_find(machine, record->node);

	if (peer && peer->watched)
		lease_pulse_set(machine, peer, record);
}

void lease_pulses_synced(struct lease_machine *machine)
{
	static const struct record gone = { .kind = RECORD_HEARTBEAT, .shape = RECORD_ABSENT };

	for (struct lease_peer *peer = machine->peers; peer; peer = peer->hh.next)
		if (peer->watched && peer->pulse.generation != machine->pulse_generation)
			lease_pulse_set(machine, peer, &gone);
}

void lease_watch_end(struct lease_machine *machine)
{
	for (struct lease_peer *peer = machine->peers; peer; peer = peer->hh.next) {
		peer->watched = false;
		peer->pulse = (struct lease_pulse){};
	}
	machine->watch_due = true;
	machine->watch_next_ns = 0;
}

/* Nearest first. */
static int by_distance(const void *a, const void *b)
{
	const struct lease_peer *const *one = a, *const *other = b;

	return ((*one)->distance > (*other)->distance) - ((*one)->distance < (*other)->distance);
}

/* All others, in the order in which they lie before this node on the ring; the caller frees it. */
static struct lease_peer **ring_before(const struct lease_machine *machine, size_t *ret_count)
{
	struct lease_peer **ring = xcalloc(HASH_COUNT(machine->peers), sizeof(struct lease_peer *));
	size_t count = 0;

	for (struct lease_peer *peer = machine->peers; peer; peer = peer->hh.next) {
		peer->distance = machine->self->point - peer->point;
		if (peer != machine->self)
			ring[count++] = peer;
	}
	qsort(ring, count, sizeof(struct lease_peer *), by_distance);
	*ret_count = count;
	return ring;
}

/* Starts or ends to watch @peer; returns whether that is a change. */
static bool peer_watch(struct lease_peer *peer, bool watch)
{
	if (peer->watched == watch)
		return false;
	peer->watched = watch;
	peer->pulse = (struct lease_pulse){};
	return true;
}

/*
 * Each living node is watched by the @machine->watchers living ones that follow on the ring. So
 * this one goes backwards until it has passed as many, or more after a death; in between are nodes
 * whose heartbeat vanished, and whose claims nobody gets unless they are declared dead.
 */
static void watch_choose(struct lease_machine *machine, uint64_t now)
{
	size_t count, names = 0, living = 0, enough = machine->watchers;
	struct lease_peer **ring = ring_before(machine, &count);
	const char **name = xcalloc(count, sizeof(const char *));
	bool changed = false;

	if (now < machine->watch_more_ns)
		enough *= LEASE_WATCHERS_MORE;
	for (size_t i = 0; i < count; i++) {
		bool near = living < enough;
		bool beats =
			ring[i]->shape == RECORD_GOOD && lease_heartbeat_beats(&ring[i]->heartbeat);
		bool lost = ring[i]->shape != RECORD_GOOD && ring[i]->claims;

		living += beats;
		changed |= peer_watch(ring[i], near && (beats || lost));
		if (ring[i]->watched)
			name[names++] = ring[i]->name;
	}
	if (changed)
		machine->store->watch(machine->store, name, names);
	free(name);
	free(ring);
}

uint64_t lease_watch_run(struct lease_machine *machine, uint64_t now)
{
	bool more = now < machine->watch_more_ns;

	if (!machine->selective || !machine->synced || machine->session.phase != SESSION_LIVE)
		return LEASE_NEVER;
	if (!machine->watch_due && !more && machine->watch_more_ns)
		machine->watch_due = true;
	if (machine->watch_due && now < machine->watch_next_ns)
		return machine->watch_next_ns;
	if (machine->watch_due) {
		machine->watch_due = false;
		machine->watch_more_ns = more ? machine->watch_more_ns : 0;
		/* many come and go at the same time, and each choice is a list for the store */
		machine->watch_next_ns = now + machine->retry_period_ns;
		watch_choose(machine, now);
	}
	return machine->watch_more_ns ?: LEASE_NEVER;
}
