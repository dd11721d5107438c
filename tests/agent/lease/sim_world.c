// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stdio.h>

#include "sim.h"

struct world world;
struct oracle oracle;

/* xorshift64*: the same everywhere for a seed. */
uint64_t random_next(void)
{
	oracle.state ^= oracle.state >> 12;
	oracle.state ^= oracle.state << 25;
	oracle.state ^= oracle.state >> 27;
	return oracle.state * 0x2545f4914f6cdd1d;
}

uint32_t choose(uint32_t count)
{
	uint32_t question = oracle.asked;

	if (world.calm)
		return 0;
	oracle.asked++;
	if (oracle.random)
		return random_next() % 1000 < oracle.faults ? random_next() % count : 0;
	for (size_t i = 0; i < oracle.listed; i++)
		if (oracle.list[i].question == question)
			return oracle.list[i].answer % count;
	return 0;
}

void trace(const char *format, ...)
{
	va_list args;

	if (!world.trace)
		return;
	printf("# %8.3f ", (double)world.now / 1e9);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

void fail(const char *format, ...)
{
	va_list args;

	if (world.failure[0])
		return;
	va_start(args, format);
	vsnprintf(world.failure, sizeof(world.failure), format, args);
	va_end(args);
}

uint64_t clock_of(const struct node *node)
{
	return node->clock_offset + world.now + (int64_t)(world.now / 1000000) * node->drift_ppm;
}

struct address address_of(unsigned int number)
{
	return (struct address){ { [10] = 0xff, [11] = 0xff, 198, 18, 0, number + 1 } };
}

unsigned int number_of(const struct address *address)
{
	return address->bytes[15] - 1;
}

bool node_answers(const struct node *node, unsigned int number)
{
	return node->entries[number] && node->stamps[node->entries[number]] > clock_of(node);
}

unsigned int answering(unsigned int number)
{
	unsigned int count = 0;

	for (unsigned int n = 0; n < world.nodes; n++)
		count += node_answers(&world.node[n], number);
	return count;
}

void check(void)
{
	for (unsigned int a = 0; a < ADDRESSES; a++) {
		if (answering(a) > 1)
			fail("at %.3f s %u nodes answer for address %u", (double)world.now / 1e9,
			     answering(a), a);
		if (answering(a))
			world.answered[a] = world.now;
	}
}

struct event *event_add(enum event_type type, unsigned int node, uint64_t delay)
{
	for (size_t i = 0; i < EVENTS; i++) {
		struct event *event = &world.events[i];

		if (i < world.events_used && event->type != EVENT_NONE)
			continue;
		if (i == world.events_used)
			world.events_used++;
		*event = (struct event){
			.type = type,
			.at = world.now + delay,
			.order = world.order++,
			.node = node,
			.life = world.node[node].life,
		};
		return event;
	}
	world.exhausted = true;
	return &world.events[0];
}

/* A process may be stopped or killed before it gets to work. */
static bool interrupted(struct node *node)
{
	static const uint64_t lengths[] = { 0, DURATION / 3, DURATION * 21 / 20, 3 * DURATION };
	uint32_t choice = choose(7);

	if (!choice)
		return false;
	if (choice < 4)
		node_stop(node, lengths[choice]);
	else
		node_kill(node, lengths[choice - 3]);
	return true;
}

static void deliver(struct event *event)
{
	struct node *node = &world.node[event->node];
	struct event copy = *event;

	event->type = EVENT_NONE;
	switch (copy.type) {
	case EVENT_ARRIVE:
		store_arrive(&copy);
		return;
	case EVENT_OPERATOR:
		operate();
		return;
	case EVENT_START:
		if (copy.life == node->life)
			node_start(node);
		return;
	case EVENT_CONTINUE:
		if (copy.life == node->life)
			node->stopped = false;
		return;
	default:
		break;
	}
	if (copy.life != node->life || !node->machine)
		return;
	if (node->stopped || (!world.nested && interrupted(node))) {
		if (node->life == copy.life) {
			/* it waits in the socket */
			*event_add(copy.type, copy.node, 0) = copy;
			for (size_t i = 0; i < world.events_used; i++)
				if (world.events[i].order == copy.order)
					world.events[i].at = node->stopped_until + 1;
		}
		return;
	}
	switch (copy.type) {
	case EVENT_RUN:
		lease_machine_run(node->machine);
		break;
	case EVENT_ANSWER:
		store_answer(node, &copy);
		break;
	case EVENT_STREAM:
		if (node->streaming)
			stream_next_event(node);
		break;
	case EVENT_LIST:
		stream_list(node);
		break;
	case EVENT_PULSE:
		if (node->pulsing)
			pulses_next_event(node);
		break;
	case EVENT_PULSES:
		pulses_list(node);
		break;
	case EVENT_MARK:
		mark_due(node);
		break;
	default:
		break;
	}
}

bool world_step(uint64_t until)
{
	struct event *first = NULL;

	for (size_t i = 0; i < world.events_used; i++) {
		struct event *event = &world.events[i];

		if (event->type != EVENT_NONE &&
		    (!first || event->at < first->at ||
		     (event->at == first->at && event->order < first->order)))
			first = event;
	}
	if (!first || first->at > until || world.failure[0] || world.exhausted)
		return false;
	if (first->at > world.now)
		world.now = first->at;
	deliver(first);
	for (unsigned int n = 0; n < world.nodes && !world.nested; n++)
		if (world.node[n].ended && !world.node[n].gone)
			node_kill(&world.node[n], DURATION / 3);
	check();
	return true;
}
