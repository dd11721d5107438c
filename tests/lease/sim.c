// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The real state machine (agent/lease_*.c) in a simulated world: nodes whose clocks drift, a store,
 * a network that loses and delays, processes that are stopped, killed and started again at any
 * step, people who delete and overwrite records. After every step at most one node's data path may
 * answer for an address; when the faults end, one does.
 *
 * Every fault is the answer to a question, choose(). Runs are told apart by who answers: a random
 * generator, seeded, or a list of the few questions that aren't answered "no fault": all lists of
 * up to two are tried.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lease_machine.h"

#define NODES_MAX 3
#define ADDRESSES 2
#define SLOTS	  256
#define EVENTS	  512
#define LOG_MAX	  8192
#define LISTED	  2

#define MS LEASE_NS_PER_MS

#define DURATION       (2000 * MS)
#define RENEW_DEADLINE (1200 * MS)
#define RETRY_PERIOD   (300 * MS)
#define TIMEOUT	       (RENEW_DEADLINE / 2)

/* The stretch of true time in which faults happen, and the one after it in which all must heal. */
#define FAULTS_NS (9 * DURATION)
#define HEAL_NS	  (8 * DURATION)

enum event_type {
	EVENT_NONE,
	EVENT_RUN,	/* the machine's timer */
	EVENT_ARRIVE,	/* a request at the store */
	EVENT_ANSWER,	/* its answer at the node */
	EVENT_STREAM,	/* the next of the store's writes at the node */
	EVENT_LIST,	/* the list that begins a stream */
	EVENT_CONTINUE, /* a stopped process goes on */
	EVENT_START,	/* a process begins */
	EVENT_OPERATOR, /* a person may do something */
};

struct event {
	enum event_type type;
	int result;
	uint64_t at; /* true time */
	uint64_t order;
	unsigned int node;
	unsigned int life; /* of the process that it is for */
	uint64_t request;
	struct record record;
};

struct node {
	struct store store;
	struct lease_machine *machine;
	char name[16], id[LEASE_ID_DIGITS + 1];
	struct lease_config config;
	int drift_ppm;
	uint64_t clock_offset;
	unsigned int life;
	bool stopped;
	uint64_t stopped_until;
	size_t cursor;
	bool streaming;
	uint64_t request; /* the next request's number */
	uint64_t open[16];
	/* what outlives the process: the data path */
	uint64_t stamps[SLOTS];
	uint8_t entries[ADDRESSES]; /* slot; 0: none */
	bool wants[ADDRESSES], drained;
	bool ended; /* its process may exit */
};

static struct {
	uint64_t now, order, revision;
	unsigned int nodes;
	struct node node[NODES_MAX];
	struct event *events; /* those past @events_used never were */
	size_t events_used;
	struct record records[NODES_MAX + ADDRESSES];
	struct record *log;
	size_t logged;
	unsigned int busy; /* node whose process is at work, + 1 */
	bool calm, exhausted;
	unsigned int nested;
	char failure[256];
	bool trace;
} world;

/* Who answers the questions. */
static struct {
	bool random;
	uint64_t state;
	uint32_t asked;
	unsigned int faults; /* of 1,000 */
	bool hands;	     /* people delete and overwrite records all the time */
	size_t listed;
	struct {
		uint32_t question;
		uint32_t answer;
	} list[LISTED];
} oracle;

/* xorshift64*: the same everywhere for a seed. */
static uint64_t random_next(void)
{
	oracle.state ^= oracle.state >> 12;
	oracle.state ^= oracle.state << 25;
	oracle.state ^= oracle.state >> 27;
	return oracle.state * 0x2545f4914f6cdd1d;
}

/* One of @count answers, 0 for no fault. */
static uint32_t choose(uint32_t count)
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

static void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void trace(const char *format, ...)
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

static uint64_t clock_of(const struct node *node)
{
	return node->clock_offset + world.now + (int64_t)(world.now / 1000000) * node->drift_ppm;
}

static struct address address_of(unsigned int number)
{
	return (struct address){ { [10] = 0xff, [11] = 0xff, 198, 18, 0, number + 1 } };
}

static unsigned int number_of(const struct address *address)
{
	return address->bytes[15] - 1;
}

/* The one thing that must never be. */
static void check(void)
{
	for (unsigned int a = 0; a < ADDRESSES; a++) {
		unsigned int answering = 0;

		for (unsigned int n = 0; n < world.nodes; n++) {
			const struct node *node = &world.node[n];

			answering +=
				node->entries[a] && node->stamps[node->entries[a]] > clock_of(node);
		}
		if (answering > 1 && !world.failure[0])
			snprintf(world.failure, sizeof(world.failure),
				 "at %.3f s %u nodes answer for address %u",
				 (double)world.now / 1e9, answering, a);
	}
}

static struct event *event_add(enum event_type type, unsigned int node, uint64_t delay)
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

static void stream_drop(const struct node *node)
{
	for (size_t i = 0; i < world.events_used; i++)
		if ((world.events[i].type == EVENT_STREAM || world.events[i].type == EVENT_LIST) &&
		    world.events[i].node == node - world.node)
			world.events[i].type = EVENT_NONE;
}

static void node_stop(struct node *node, uint64_t for_ns)
{
	trace("%s stopped for %.3f s", node->name, (double)for_ns / 1e9);
	node->stopped = true;
	node->stopped_until = world.now + for_ns;
	event_add(EVENT_CONTINUE, node - world.node, for_ns);
}

static void node_kill(struct node *node, uint64_t for_ns)
{
	trace("%s killed for %.3f s", node->name, (double)for_ns / 1e9);
	node->life++;
	node->stopped = node->streaming = node->ended = false;
	stream_drop(node);
	lease_machine_free(node->machine);
	node->machine = NULL;
	event_add(EVENT_START, node - world.node, for_ns);
}

static bool world_step(uint64_t until);

/* A process is stopped in the middle of a callback: the others go on meanwhile. */
static void maybe_stop_inside(struct node *node)
{
	static const uint64_t lengths[] = { 0, DURATION / 3, DURATION * 5 / 4 };
	uint32_t choice;
	uint64_t until;

	if (world.nested)
		return;
	choice = choose(3);
	if (!choice)
		return;
	trace("%s stopped inside for %.3f s", node->name, (double)lengths[choice] / 1e9);
	world.nested++;
	node->stopped = true;
	until = world.now + lengths[choice];
	node->stopped_until = until;
	while (world_step(until))
		;
	world.now = until;
	node->stopped = false;
	world.nested--;
}

static void on_gained(const struct address *address, uint8_t slot, void *userdata)
{
	struct node *node = userdata;

	maybe_stop_inside(node);
	trace("%s gained %u", node->name, number_of(address));
	node->entries[number_of(address)] = slot;
	check();
}

static int on_lost(const struct address *address, enum lease_loss reason, void *userdata)
{
	struct node *node = userdata;

	maybe_stop_inside(node);
	if (choose(4) == 3)
		return -EBUSY;
	trace("%s lost %u: %s", node->name, number_of(address), lease_loss_names[reason]);
	node->entries[number_of(address)] = 0;
	return 0;
}

static int on_purge(void *userdata)
{
	struct node *node = userdata;

	maybe_stop_inside(node);
	if (choose(4) == 3)
		return -EBUSY;
	for (unsigned int a = 0; a < ADDRESSES; a++) {
		struct address address = address_of(a);

		if (node->entries[a] != lease_machine_holds(node->machine, &address))
			node->entries[a] = 0;
	}
	return 0;
}

static int on_present(const struct address *address, void *userdata)
{
	struct node *node = userdata;

	maybe_stop_inside(node);
	if (choose(8) == 7)
		return -EBUSY;
	return node->entries[number_of(address)] != 0;
}

static int on_stamp(uint8_t slot, uint64_t deadline_ns, void *userdata)
{
	struct node *node = userdata;

	maybe_stop_inside(node);
	if (deadline_ns <= clock_of(node))
		return -ETIME;
	node->stamps[slot] = deadline_ns;
	check();
	return 0;
}

static int on_stamped(uint8_t slot, uint64_t *ret_deadline_ns, void *userdata)
{
	struct node *node = userdata;

	*ret_deadline_ns = node->stamps[slot];
	return 0;
}

static void on_changed(const struct address *address, void *userdata)
{
	(void)address;
	(void)userdata;
}

static void on_state(enum lease_state state, const char *text, void *userdata)
{
	struct node *node = userdata;

	node->ended |= state == LEASE_ENDED;
	trace("%s is %s: %s", node->name, lease_state_names[state], text);
}

static void on_log(int priority, const char *text, void *userdata)
{
	struct node *node = userdata;

	(void)priority;
	trace("%s: %s", node->name, text);
}

static const struct lease_callbacks callbacks = {
	.gained = on_gained,
	.lost = on_lost,
	.purge = on_purge,
	.present = on_present,
	.stamp = on_stamp,
	.stamped = on_stamped,
	.changed = on_changed,
	.state = on_state,
	.log = on_log,
};

static uint64_t clock_now(void *userdata)
{
	return clock_of(userdata);
}

static uint64_t clock_random(void *userdata)
{
	static uint64_t last;

	(void)userdata;
	return ++last;
}

/* Timers are on the node's clock; the world's is within 1 % of it. */
static void clock_arm(uint64_t due_ns, void *userdata)
{
	struct node *node = userdata;
	uint64_t now = clock_of(node), delay = due_ns > now ? due_ns - now : 0;

	for (size_t i = 0; i < world.events_used; i++)
		if (world.events[i].type == EVENT_RUN && world.events[i].node == node - world.node)
			world.events[i].type = EVENT_NONE;
	if (due_ns != LEASE_NEVER)
		event_add(EVENT_RUN, node - world.node, delay + delay / 50 + 1);
}

/* How long a message takes; LEASE_NEVER: it is lost. */
static uint64_t message_delay(void)
{
	static const uint64_t delays[] = {
		1 * MS, LEASE_NEVER, DURATION / 8, TIMEOUT + MS, DURATION * 6 / 5,
	};

	return delays[choose(5)];
}

static void store_swap(struct store *store, const struct record *record)
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

static void store_write(const struct record *record)
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

static void arrive(const struct event *event)
{
	struct record *there = record_at(&event->record);
	uint64_t delay = message_delay();
	struct record written = event->record;
	int result = -EAGAIN;
	struct event *answer;

	if (there->revision == event->record.revision) {
		result = 0;
		store_write(&event->record);
		written.revision = there->revision;
	}
	if (event->record.kind == RECORD_CLAIM)
		trace("%s writes claim %u, holder \"%s\": %s", world.node[event->node].name,
		      number_of(&event->record.address), event->record.claim.holder,
		      result ? "refused" : "done");
	if (delay == LEASE_NEVER)
		return;
	answer = event_add(EVENT_ANSWER, event->node, delay);
	answer->life = event->life;
	answer->request = event->request;
	answer->record = written;
	answer->result = result;
}

static void stream_begin(struct node *node, uint64_t delay)
{
	node->streaming = false;
	stream_drop(node);
	event_add(EVENT_LIST, node - world.node, delay);
}

static void list(struct node *node)
{
	lease_machine_events.reset(node->machine);
	for (size_t i = 0; i < NODES_MAX + ADDRESSES; i++)
		if (world.records[i].shape != RECORD_ABSENT)
			lease_machine_events.record(&world.records[i], node->machine);
	node->cursor = world.logged;
	node->streaming = true;
	lease_machine_events.synced(node->machine);
}

static void stream(struct node *node)
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

static void stop(struct node *node)
{
	trace("%s is to end", node->name);
	lease_machine_stop(node->machine);
}

static void start(struct node *node)
{
	trace("%s starts", node->name);
	if (lease_machine_new(&node->config, &callbacks, node,
			      &(struct lease_clock){ clock_now, clock_random, clock_arm, node },
			      &node->machine) < 0)
		abort();
	node->machine->store = &node->store;
	for (unsigned int a = 0; a < ADDRESSES; a++) {
		struct address address = address_of(a);

		if (node->wants[a])
			lease_machine_want(node->machine, &address, NULL);
	}
	lease_machine_settled(node->machine);
	lease_machine_drain(node->machine, node->drained);
	/* SIGTERM may come before anything else */
	if (choose(4) == 3)
		stop(node);
	lease_machine_run(node->machine);
	stream_begin(node, MS);
}

/* Somebody may delete or overwrite a record, or change what a node wants. */
static void operate(void)
{
	uint32_t choice = choose(1UL + 2UL * (NODES_MAX + ADDRESSES) + 3UL * NODES_MAX * ADDRESSES +
				 2UL * NODES_MAX);
	struct err err;

	if (oracle.hands && !world.calm && random_next() % 2)
		choice = 1 + random_next() % (2UL * (NODES_MAX + ADDRESSES));
	if (!world.calm)
		event_add(EVENT_OPERATOR, 0, DURATION / 5);
	if (!choice--)
		return;
	if (choice < 2 * (NODES_MAX + ADDRESSES)) {
		struct record *there = &world.records[choice / 2], record = *there;

		if (there->shape == RECORD_ABSENT)
			return;
		record.shape = choice % 2 ? RECORD_FOREIGN : RECORD_ABSENT;
		trace("record %u made %s", choice / 2, choice % 2 ? "foreign" : "absent");
		store_write(&record);
		return;
	}
	choice -= 2 * (NODES_MAX + ADDRESSES);
	if (choice < 3 * NODES_MAX * ADDRESSES) {
		struct node *node = &world.node[choice % NODES_MAX % world.nodes];
		unsigned int a = choice / NODES_MAX % ADDRESSES;
		struct address address = address_of(a);

		if (!node->machine || node->stopped)
			return;
		if (choice / NODES_MAX / ADDRESSES == 0) {
			trace("%s: move %u there", node->name, a);
			lease_machine_move(node->machine, &address, node->name, &err);
		} else if (choice / NODES_MAX / ADDRESSES == 1) {
			struct lease_preference last = { .last_resort = true };

			trace("%s: %u last", node->name, a);
			node->wants[a] = true;
			lease_machine_want(node->machine, &address, &last);
		} else {
			node->wants[a] = !node->wants[a];
			trace("%s: want %u: %d", node->name, a, node->wants[a]);
			if (node->wants[a])
				lease_machine_want(node->machine, &address, NULL);
			else
				lease_machine_unwant(node->machine, &address);
		}
		lease_machine_run(node->machine);
		return;
	}
	choice -= 3 * NODES_MAX * ADDRESSES;
	if (world.node[choice % world.nodes].machine && !world.node[choice % world.nodes].stopped) {
		struct node *node = &world.node[choice % world.nodes];

		if (choice < NODES_MAX) {
			node->drained = !node->drained;
			trace("%s: drain: %d", node->name, node->drained);
			lease_machine_drain(node->machine, node->drained);
		} else {
			stop(node);
		}
		lease_machine_run(node->machine);
	}
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
		arrive(&copy);
		return;
	case EVENT_OPERATOR:
		operate();
		return;
	case EVENT_START:
		if (copy.life == node->life)
			start(node);
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
		if (node->open[copy.request % 16] == copy.request) {
			node->open[copy.request % 16] = 0;
			lease_machine_events.swapped(&copy.record, copy.result, node->machine);
		}
		break;
	case EVENT_STREAM:
		if (node->streaming)
			stream(node);
		break;
	case EVENT_LIST:
		list(node);
		break;
	default:
		break;
	}
}

/* The next event up to @until; false: there is none. */
static bool world_step(uint64_t until)
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
		if (world.node[n].ended)
			node_kill(&world.node[n], DURATION / 3);
	check();
	return true;
}

/* After the faults: does each address have its answerer again? */
static void check_healed(void)
{
	for (unsigned int a = 0; a < ADDRESSES && !world.failure[0]; a++) {
		unsigned int answering = 0, wanting = 0;

		for (unsigned int n = 0; n < world.nodes; n++) {
			const struct node *node = &world.node[n];

			wanting += node->wants[a] && !node->drained;
			answering +=
				node->entries[a] && node->stamps[node->entries[a]] > clock_of(node);
		}
		if (wanting && !answering)
			snprintf(world.failure, sizeof(world.failure),
				 "long after the faults nobody answers for address %u", a);
		if (!wanting && answering)
			snprintf(world.failure, sizeof(world.failure),
				 "address %u is answered for, and nobody wants it", a);
	}
}

/* One history. False: the invariant doesn't hold; world.failure says where. */
static bool run_once(unsigned int nodes, bool trace_it)
{
	static const int drifts[] = { 10000, -10000, 3000 };

	/* what a history was told of lies outside: zeroing it would take longer than the history */
	static struct event events[EVENTS];
	static struct record log[LOG_MAX];

	memset(&world, 0, sizeof(world));
	world.events = events;
	world.log = log;
	world.trace = trace_it;
	world.nodes = nodes;
	oracle.asked = 0;
	for (unsigned int n = 0; n < nodes; n++) {
		struct node *node = &world.node[n];

		snprintf(node->name, sizeof(node->name), "node%u", n + 1);
		snprintf(node->id, sizeof(node->id), "%032x", n + 1);
		node->drift_ppm = drifts[n];
		node->clock_offset = 1000000 * MS * (n + 1);
		node->store.swap = store_swap;
		memset(node->wants, true, sizeof(node->wants));
		node->config = (struct lease_config){
			.node = node->name,
			.id = node->id,
			.timing = { DURATION, RENEW_DEADLINE, RETRY_PERIOD },
			.weight = 100,
			.preempt = n == 1,
		};
		event_add(EVENT_START, n, 20 * MS * n);
	}
	/* first when the first claims are answered for, and late writes still on their way */
	event_add(EVENT_OPERATOR, 0, DURATION + 50 * MS);
	while (world_step(FAULTS_NS))
		;
	world.calm = true;
	while (world_step(FAULTS_NS + HEAL_NS))
		;
	if (!world.failure[0] && !world.exhausted)
		check_healed();
	for (unsigned int n = 0; n < nodes; n++)
		lease_machine_free(world.node[n].machine);
	if (world.exhausted)
		snprintf(world.failure, sizeof(world.failure), "the simulation's tables are full");
	return !world.failure[0];
}

static bool run_random(uint64_t seed, bool trace_it)
{
	static const unsigned int rates[] = { 5, 20, 60, 150 };

	memset(&oracle, 0, sizeof(oracle));
	oracle.random = true;
	oracle.state = seed * 0x9e3779b97f4a7c15 + 1;
	oracle.faults = rates[seed % 4];
	oracle.hands = seed / 8 % 2;
	return run_once(2 + seed / 4 % 2, trace_it);
}

static int report(const char *name, bool passed, const char *how)
{
	printf("%s - %s\n", passed ? "ok" : "not ok", name);
	if (!passed)
		printf("# %s: %s\n", how, world.failure);
	return !passed;
}

/* Seeds @first to @first + @count. */
static int try_random(uint64_t first, uint64_t count)
{
	char how[128], name[128];
	uint64_t seed = first;

	while (seed < first + count && run_random(seed, false))
		seed++;
	snprintf(how, sizeof(how), "see it with: sim --seed %" PRIu64, seed);
	snprintf(name, sizeof(name), "random faults, seeds %" PRIu64 " to %" PRIu64, first,
		 first + count - 1);
	return report(name, seed == first + count, how);
}

/* The most answers that a question has, less the one for no fault. */
#define ANSWERS 6

/* Every history with one fault; with two, of those in which the second's number is one of each
 * @stride. */
static int try_lists(size_t faults, uint32_t stride)
{
	uint32_t questions;
	uint64_t runs = 0;
	bool good = true;
	char how[128] = "", name[128];

	memset(&oracle, 0, sizeof(oracle));
	good = run_once(2, false);
	questions = oracle.asked;
	oracle.listed = faults;
	for (uint32_t first = 0; good && first < questions * ANSWERS; first++) {
		uint32_t until = faults == 2 ? questions * ANSWERS : first + 1;

		/* the second within what a duration can bring, thinned out */
		for (uint32_t second = first + first % stride; good && second < until;
		     second += stride) {
			oracle.list[0].question = first / ANSWERS;
			oracle.list[0].answer = first % ANSWERS + 1;
			oracle.list[1].question = second / ANSWERS;
			oracle.list[1].answer = second % ANSWERS + 1;
			good = run_once(2, false);
			runs++;
		}
		snprintf(how, sizeof(how), "see it with: sim --list %u:%u,%u:%u",
			 oracle.list[0].question, oracle.list[0].answer, oracle.list[1].question,
			 oracle.list[1].answer);
	}
	snprintf(name, sizeof(name),
		 "%zu of the faults that %u questions offer, every %u. pair: %" PRIu64 " histories",
		 faults, questions, stride, runs);
	return report(name, good, how);
}

int main(int argc, char **argv)
{
	uint64_t seeds =
		argc > 2 && !strcmp(argv[1], "--seeds") ? strtoull(argv[2], NULL, 10) : 20000;
	uint32_t stride = argc > 3 ? strtoul(argv[3], NULL, 10) : 211;
	int failed;

	if (argc > 2 && !strcmp(argv[1], "--seed"))
		return report("seed", run_random(strtoull(argv[2], NULL, 10), true), argv[2]);
	if (argc > 2 && !strcmp(argv[1], "--list")) {
		oracle.listed = LISTED;
		if (sscanf(argv[2], "%u:%u,%u:%u", &oracle.list[0].question, &oracle.list[0].answer,
			   &oracle.list[1].question, &oracle.list[1].answer) != 4)
			return 2;
		return report("list", run_once(2, true), argv[2]);
	}
	if (argc > 1 && !strcmp(argv[1], "--mutant"))
		return try_lists(1, 1) || try_random(1, 60000);
	setlinebuf(stdout);
	printf("1..3\n");
	failed = try_random(1, seeds);
	failed |= try_lists(1, 1);
	failed |= try_lists(2, stride);
	return failed;
}
