// SPDX-License-Identifier: GPL-2.0-or-later
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

void stream_drop(const struct node *node)
{
	for (size_t i = 0; i < world.events_used; i++)
		if ((world.events[i].type == EVENT_STREAM || world.events[i].type == EVENT_LIST) &&
		    world.events[i].node == node - world.node)
			world.events[i].type = EVENT_NONE;
}

/* The next write that @node hasn't seen reaches it after @delay, unless one is under way. */
static void stream_next(struct node *node, uint64_t delay)
{
	for (size_t i = 0; i < world.events_used; i++)
		if (world.events[i].type == EVENT_STREAM &&
		    world.events[i].node == node - world.node)
			return;
	if (node->streaming && node->cursor < world.logged)
		event_add(EVENT_STREAM, node - world.node, delay);
}

void store_write(const struct record *record)
{
	struct record *there = record_at(record);

	world.revision++;
	*there = *record;
	there->revision = record->shape == RECORD_ABSENT ? 0 : world.revision;
	if (world.logged == LOG_MAX) {
		world.exhausted = true;
		return;
	}
	world.log[world.logged++] = *there;
	for (unsigned int n = 0; n < world.nodes; n++)
		stream_next(&world.node[n], MS);
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

void stream_next_event(struct node *node)
{
	static const uint64_t delays[] = { 0, DURATION / 8, DURATION * 6 / 5 };
	uint32_t choice = choose(4);

	if (choice == 3) {
		trace("%s loses its stream", node->name);
		stream_begin(node, DURATION / 4);
		return;
	}
	if (choice) {
		stream_next(node, delays[choice]);
		return;
	}
	lease_machine_events.record(&world.log[node->cursor++], node->machine);
	stream_next(node, MS);
}
