// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "sim.h"

/* How long a message takes; LEASE_NEVER: it is lost. */
static uint64_t message_delay(void)
{
	static const uint64_t delays[] = {
		1 * MS, LEASE_NEVER, DURATION / 8, TIMEOUT + MS, DURATION * 6 / 5,
	};

	return delays[choose(5)];
}

void store_swap(struct store *store, const struct record *record)
{
	struct node *node = (struct node *)store;
	uint64_t delay = message_delay();
	struct event *event;

	node->request++;
	node->open[node->request % 16] = node->request;
	if (delay != LEASE_NEVER) {
		event = event_add(EVENT_ARRIVE, node - world.node, delay);
		event->record = *record;
		event->request = node->request;
	}
	event = event_add(EVENT_ANSWER, node - world.node, TIMEOUT);
	event->record = *record;
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
}

static bool under_way(const struct node *node, enum event_type type)
{
	for (size_t i = 0; i < world.events_used; i++)
		if (world.events[i].type == type && world.events[i].node == node - world.node)
			return true;
	return false;
}

/* Is write @number of a heartbeat that @node's own stream doesn't show? */
static bool hidden(const struct node *node, size_t number)
{
	const struct record *record = &world.log[number];

	return record->kind == RECORD_HEARTBEAT && !world.shown[number] &&
	       strcmp(record->node, node->name) != 0;
}

static bool watched(const struct node *node, size_t number)
{
	const struct record *record = &world.log[number];

	return record->kind == RECORD_HEARTBEAT && node->watched[record->node[4] - '1'];
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
	return before->heartbeat.all &&
	       (before->shape != RECORD_GOOD || before->heartbeat.state == HEARTBEAT_DEAD ||
		before->heartbeat.state == HEARTBEAT_ENDED);
}

void store_write(const struct record *record)
{
	struct record *there = record_at(record);
	bool shown = is_shown(there, record);

	world.revision++;
	*there = *record;
	there->revision = record->shape == RECORD_ABSENT ? 0 : world.revision;
	if (world.logged == LOG_MAX) {
		world.exhausted = true;
		return;
	}
	world.shown[world.logged] = shown;
	world.log[world.logged++] = *there;
	for (unsigned int n = 0; n < world.nodes; n++) {
		stream_next(&world.node[n], MS);
		pulses_next(&world.node[n], MS);
	}
}

void store_arrive(const struct event *event)
{
	struct record *there = record_at(&event->record);
	uint64_t delay = message_delay();
	struct record written = event->record;
	int result = -EAGAIN;
	struct event *answer;

	if (there->revision == event->record.revision) {
		result = 0;
		if (event->record.kind == RECORD_CLAIM && event->record.shape == RECORD_ABSENT &&
		    answering(number_of(&event->record.address)))
			fail("at %.3f s the claim on address %u is removed, which is answered for",
			     (double)world.now / 1e9, number_of(&event->record.address));
		store_write(&event->record);
		written.revision = there->revision;
	}
	if (event->record.kind == RECORD_CLAIM)
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

	memset(node->watched, false, sizeof(node->watched));
	for (size_t i = 0; i < count; i++)
		node->watched[nodes[i][4] - '1'] = true;
	pulses_drop(node);
	if (count)
		event_add(EVENT_PULSES, node - world.node, MS);
}

void stream_list(struct node *node)
{
	lease_machine_events.reset(node->machine);
	/* claims first, as the stores have them */
	for (size_t i = NODES_MAX + ADDRESSES; i--;)
		if (world.records[i].shape != RECORD_ABSENT)
			lease_machine_events.record(&world.records[i], node->machine);
	node->cursor = world.logged;
	node->streaming = true;
	lease_machine_events.synced(node->machine);
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
		lease_machine_events.record(&world.log[node->cursor++], node->machine);
	while (oracle.narrow && stream_has_more(node));
	stream_next(node, MS);
}

void pulses_list(struct node *node)
{
	lease_machine_events.pulses_reset(node->machine);
	node->pulse_cursor = world.logged;
	node->pulsing = true;
	for (size_t n = 0; n < world.nodes; n++)
		if (node->watched[n] && world.records[n].shape != RECORD_ABSENT)
			lease_machine_events.pulse(&world.records[n], node->machine);
	if (node->pulsing)
		lease_machine_events.pulses_synced(node->machine);
}

void pulses_next_event(struct node *node)
{
	uint32_t choice = choose(STREAM_ANSWERS);

	if (choice == LOST) {
		pulses_drop(node);
		event_add(EVENT_PULSES, node - world.node, DURATION / 4);
		return;
	}
	if (choice) {
		pulses_next(node, stream_delays[choice]);
		return;
	}
	lease_machine_events.pulse(&world.log[node->pulse_cursor++], node->machine);
	pulses_next(node, MS);
}
