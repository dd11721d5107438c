// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "lease_peer.h"
#include "sim.h"

/* How long a message takes; LEASE_NEVER: it is lost. */
static uint64_t message_delay(void)
{
	static const uint64_t delays[] = {
		1 * MS, LEASE_NEVER, DURATION / 8, TIMEOUT + MS, DURATION * 6 / 5,
	};

	return delays[choose(5)];
}

static bool is_own(const struct node *node, const struct record *record)
{
	return record->kind == RECORD_HEARTBEAT && !strcmp(record->node, node->name);
}

void store_swap(struct store *store, const struct record *record)
{
	struct node *node = (struct node *)store;
	uint64_t delay = message_delay();
	struct record sent = *record;
	struct event *event;
	bool mark = false;

	if (oracle.apart && is_own(node, record))
		mark = etcd_own_send(&node->own, &sent);
	node->request++;
	node->open[node->request % 16] = node->request;
	if (delay != LEASE_NEVER) {
		event = event_add(EVENT_ARRIVE, node - world.node, delay);
		event->record = sent;
		event->request = node->request;
		event->mark = mark;
	}
	event = event_add(EVENT_ANSWER, node - world.node, TIMEOUT);
	event->record = sent;
	event->request = node->request;
	event->result = -ETIMEDOUT;
}

static struct record *record_at(const struct record *wanted)
{
	if (wanted->kind == RECORD_CLAIM)
		return &world.records[NODES_MAX + number_of(&wanted->address)];
	return &world.records[wanted->node[4] - '1'];
}

static void drop(const struct node *node, enum event_type type)
{
	for (size_t i = 0; i < world.events_used; i++)
		if (world.events[i].type == type && world.events[i].node == node - world.node)
			world.events[i].type = EVENT_NONE;
}

static void pulses_drop(struct node *node)
{
	drop(node, EVENT_PULSE);
	drop(node, EVENT_PULSES);
	node->pulsing = false;
}

void stream_drop(struct node *node)
{
	drop(node, EVENT_STREAM);
	drop(node, EVENT_LIST);
	drop(node, EVENT_MARK);
}

static bool under_way(const struct node *node, enum event_type type)
{
	for (size_t i = 0; i < world.events_used; i++)
		if (world.events[i].type == type && world.events[i].node == node - world.node)
			return true;
	return false;
}

/* Is write @number one that @node's own stream doesn't show? */
static bool hidden(const struct node *node, size_t number)
{
	const struct written *written = &world.log[number];

	return !written->shown && (oracle.apart || !is_own(node, &written->record));
}

static bool watched(const struct node *node, size_t number)
{
	const struct written *written = &world.log[number];

	return written->beats && (node->watched[written->record.node[4] - '1'] ||
				  (oracle.apart && is_own(node, &written->record)));
}

/* Is there a write that @node hasn't seen? */
static bool stream_has_more(struct node *node)
{
	while (node->streaming && node->cursor < world.logged && hidden(node, node->cursor))
		node->cursor++;
	return node->streaming && node->cursor < world.logged;
}

/* The next one reaches it after @delay, unless one is under way. */
static void stream_next(struct node *node, uint64_t delay)
{
	if (stream_has_more(node) && !under_way(node, EVENT_STREAM))
		event_add(EVENT_STREAM, node - world.node, delay);
}

static void pulses_next(struct node *node, uint64_t delay)
{
	while (node->pulsing && node->pulse_cursor < world.logged &&
	       !watched(node, node->pulse_cursor))
		node->pulse_cursor++;
	if (node->pulsing && node->pulse_cursor < world.logged && !under_way(node, EVENT_PULSE))
		event_add(EVENT_PULSE, node - world.node, delay);
}

/* Does every node's stream show that @after is written over @before? Not a renewal; and of a
 * removal there is no telling whether it is one, as long as the session goes on. */
static bool is_shown(const struct record *before, const struct record *after)
{
	if (!oracle.selective || after->kind == RECORD_CLAIM)
		return true;
	if (after->shape != RECORD_ABSENT)
		return after->heartbeat.all;
	return oracle.apart ||
	       (before->heartbeat.all &&
		(before->shape != RECORD_GOOD || before->heartbeat.state == HEARTBEAT_DEAD ||
		 before->heartbeat.state == HEARTBEAT_ENDED));
}

/* Of the revision that the store has come to. */
static void store_log(const struct record *record, bool shown, bool beats, bool mark)
{
	if (world.logged == LOG_MAX) {
		world.exhausted = true;
		return;
	}
	world.log[world.logged++] = (struct written){ *record, world.revision, shown, beats, mark };
	for (unsigned int n = 0; n < world.nodes; n++) {
		stream_next(&world.node[n], MS);
		pulses_next(&world.node[n], MS);
	}
}

/* Writes @record to @there. */
static void put(const struct record *record, struct record *there, bool shown, bool beats)
{
	*there = *record;
	there->revision = record->shape == RECORD_ABSENT ? 0 : world.revision;
	store_log(there, shown, beats, false);
}

void store_write(const struct record *record)
{
	struct record *there = record_at(record);
	bool shown = is_shown(there, record), heartbeat = record->kind == RECORD_HEARTBEAT;

	world.revision++;
	if (heartbeat && oracle.apart && shown)
		put(record, &world.shown[there - world.records], true, false);
	put(record, there, shown && !(heartbeat && oracle.apart), heartbeat);
}

void store_write_half(const struct record *record, bool shown)
{
	struct record *there = record_at(record);

	world.halved[there - world.records] = true;
	world.revision++;
	put(record, shown ? &world.shown[there - world.records] : there, shown, !shown);
}

/* Is there what @record is to replace? */
static bool matches(const struct record *record)
{
	const struct record *there = record_at(record), *shown;

	if (record->kind == RECORD_CLAIM || !oracle.apart)
		return there->revision == record->revision;
	shown = &world.shown[there - world.records];
	if (record->shape == RECORD_ABSENT)
		return shown->revision == record->revision;
	return there->revision == record->revision && shown->revision == record->shown_revision;
}

/* Writes the mark, as @node. */
static void mark_write(const struct node *node)
{
	struct record mark = { .kind = RECORD_CLAIM };

	node_name_copy(mark.node, node->name);
	store_log(&mark, true, false, true);
}

static bool is_renewal(const struct record *record)
{
	return record->kind == RECORD_HEARTBEAT && record->shape == RECORD_GOOD &&
	       !record->heartbeat.all;
}

void store_arrive(const struct event *event)
{
	struct record *there = record_at(&event->record);
	uint64_t delay = message_delay();
	struct record written = event->record;
	int result = -EAGAIN;
	size_t logged = world.logged;
	struct event *answer;

	if (!event->request) {
		result = 0;
		world.revision++;
		mark_write(&world.node[event->node]);
	} else if (matches(&event->record)) {
		result = 0;
		if (event->record.kind == RECORD_CLAIM && event->record.shape == RECORD_ABSENT &&
		    answering(number_of(&event->record.address)))
			fail("at %.3f s the claim on address %u is removed, which is answered for",
			     (double)world.now / 1e9, number_of(&event->record.address));
		if (is_renewal(&event->record) &&
		    lease_heartbeat_differs(&there->heartbeat, &event->record.heartbeat))
			fail("at %.3f s %s changes what only those see that watch it",
			     (double)world.now / 1e9, event->record.node);
		store_write(&event->record);
		if (event->mark)
			mark_write(&world.node[event->node]);
		written.revision = there->revision;
	}
	if (!event->request)
		trace("%s writes the mark", world.node[event->node].name);
	else if (event->record.kind == RECORD_CLAIM)
		trace("%s %s claim %u, holder \"%s\": %s", world.node[event->node].name,
		      event->record.shape == RECORD_ABSENT ? "removes" : "writes",
		      number_of(&event->record.address), event->record.claim.holder,
		      result ? "refused" : "done");
	else if (event->record.shape == RECORD_ABSENT)
		trace("%s removes the heartbeat of %s: %s", world.node[event->node].name,
		      event->record.node, result ? "refused" : "done");
	if (delay == LEASE_NEVER)
		return;
	answer = event_add(EVENT_ANSWER, event->node, delay);
	answer->life = event->life;
	answer->request = event->request;
	answer->record = written;
	answer->result = result;
	for (; logged < world.logged; logged++)
		if (world.log[logged].shown)
			answer->expected = world.revision;
}

/* What is due of the node's own heartbeat is told to it. */
static void own_tell(struct node *node)
{
	uint64_t now = clock_of(node), due;
	struct record record;

	while (etcd_own_next(&node->own, &record))
		lease_machine_events.record(&record, node->machine);
	due = etcd_own_due(&node->own);
	drop(node, EVENT_MARK);
	if (due != ETCD_NEVER)
		event_add(EVENT_MARK, node - world.node, due > now ? due - now : 0);
}

void mark_due(struct node *node)
{
	uint64_t delay;

	if (etcd_own_mark(&node->own, clock_of(node))) {
		delay = message_delay();
		if (delay != LEASE_NEVER)
			event_add(EVENT_ARRIVE, node - world.node, delay)->request = 0;
	}
	own_tell(node);
}

static void pulses_begin(struct node *node, uint64_t delay)
{
	pulses_drop(node);
	event_add(EVENT_PULSES, node - world.node, delay);
}

void store_answer(struct node *node, const struct event *answer)
{
	const struct record *record = &answer->record;
	int result = answer->result;

	if (!result)
		etcd_own_expect(&node->own, answer->expected);
	if (!answer->request || node->open[answer->request % 16] != answer->request)
		return;
	node->open[answer->request % 16] = 0;
	lease_machine_events.swapped(record, result, node->machine);
	if (!oracle.apart || record->kind == RECORD_CLAIM)
		return;
	if (result == -EAGAIN && node->streaming)
		pulses_begin(node, MS);
	if (result || !is_own(node, record))
		return;
	if (record->heartbeat.all)
		etcd_own_shown(&node->own, record, record->revision);
	etcd_own_beats(&node->own, record, record->revision, clock_of(node));
	own_tell(node);
}

void stream_begin(struct node *node, uint64_t delay)
{
	node->streaming = false;
	stream_drop(node);
	event_add(EVENT_LIST, node - world.node, delay);
}

void store_follow(struct store *store, bool follow)
{
	struct node *node = (struct node *)store;

	node->following = follow;
	if (follow)
		stream_begin(node, MS);
	else
		stream_drop(node);
	node->streaming = false;
	pulses_drop(node);
}

void store_watch(struct store *store, const char *const *nodes, size_t count)
{
	struct node *node = (struct node *)store;

	etcd_own_watches(&node->own, oracle.crowded ? ETCD_MANY : count);
	memset(node->watched, false, sizeof(node->watched));
	for (size_t i = 0; i < count; i++)
		node->watched[nodes[i][4] - '1'] = true;
	pulses_drop(node);
	if (count || oracle.apart)
		pulses_begin(node, MS);
}

/* The heartbeats as all see them, and the own one with its renewals. */
static void apart_list(struct node *node)
{
	const struct record *own = &world.records[node - world.node];

	for (size_t i = world.nodes; i--;) {
		const struct record *shown = &world.shown[i];

		if (shown->shape == RECORD_ABSENT)
			continue;
		if (i == (size_t)(node - world.node))
			etcd_own_shown(&node->own, shown, shown->revision);
		else
			lease_machine_events.record(shown, node->machine);
	}
	if (own->shape != RECORD_ABSENT)
		etcd_own_beats(&node->own, own, own->revision, clock_of(node));
	etcd_own_synced(&node->own, world.revision);
	own_tell(node);
}

void stream_list(struct node *node)
{
	lease_machine_events.reset(node->machine);
	if (oracle.apart)
		etcd_own_reset(&node->own);
	/* claims first, as the stores have them */
	for (size_t i = NODES_MAX + ADDRESSES; i-- > (oracle.apart ? NODES_MAX : 0);)
		if (world.records[i].shape != RECORD_ABSENT)
			lease_machine_events.record(&world.records[i], node->machine);
	if (oracle.apart)
		apart_list(node);
	node->cursor = world.logged;
	node->streaming = true;
	lease_machine_events.synced(node->machine);
	if (oracle.apart)
		pulses_begin(node, MS);
}

/* The view shows @written: before it, the node's own heartbeats of before. */
static void written_tell(struct node *node, const struct written *written)
{
	bool own = is_own(node, &written->record);

	if (oracle.apart) {
		etcd_own_reached(&node->own, written->at);
		if (written->mark)
			etcd_own_marked(&node->own, !strcmp(written->record.node, node->name),
					clock_of(node));
		else if (own)
			etcd_own_shown(&node->own, &written->record, written->at);
		own_tell(node);
		if (written->mark || own)
			return;
	}
	lease_machine_events.record(&written->record, node->machine);
}

/* What becomes of the next write in a stream: 0 it is told; LATE it comes later; LOST the stream
 * is. */
enum { LATE = 1, LATER, LOST, STREAM_ANSWERS };
static const uint64_t stream_delays[] = { [LATE] = DURATION / 8, [LATER] = DURATION * 6 / 5 };

void stream_next_event(struct node *node)
{
	uint32_t choice = choose(STREAM_ANSWERS);

	if (choice == LOST) {
		trace("%s loses its stream", node->name);
		stream_begin(node, DURATION / 4);
		return;
	}
	if (choice) {
		stream_next(node, stream_delays[choice]);
		return;
	}
	/* where turns are short, all that is there comes in one answer */
	do
		written_tell(node, &world.log[node->cursor++]);
	while (oracle.narrow && stream_has_more(node));
	stream_next(node, MS);
}

/* One in the stream of those watched, where the node's own is, too, if they are apart. */
static void pulse_tell(struct node *node, const struct record *record, uint64_t at)
{
	if (!oracle.apart || !is_own(node, record)) {
		lease_machine_events.pulse(record, node->machine);
		return;
	}
	etcd_own_beats(&node->own, record, at, clock_of(node));
	own_tell(node);
}

void pulses_list(struct node *node)
{
	const struct record *own = &world.records[node - world.node];

	lease_machine_events.pulses_reset(node->machine);
	node->pulse_cursor = world.logged;
	node->pulsing = true;
	for (size_t n = 0; n < world.nodes; n++)
		if (node->watched[n] && world.records[n].shape != RECORD_ABSENT)
			lease_machine_events.pulse(&world.records[n], node->machine);
	if (node->pulsing)
		lease_machine_events.pulses_synced(node->machine);
	if (node->pulsing && oracle.apart)
		pulse_tell(node, own, own->shape == RECORD_ABSENT ? world.revision : own->revision);
}

void pulses_next_event(struct node *node)
{
	uint32_t choice = choose(STREAM_ANSWERS);
	const struct written *written;

	if (choice == LOST) {
		pulses_begin(node, DURATION / 4);
		return;
	}
	if (choice) {
		pulses_next(node, stream_delays[choice]);
		return;
	}
	written = &world.log[node->pulse_cursor++];
	pulse_tell(node, &written->record, written->at);
	pulses_next(node, MS);
}
