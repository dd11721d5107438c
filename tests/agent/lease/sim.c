// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The real state machine (agent/lease) in simulated worlds. After every step at most one node's
 * data path may answer for an address; when the faults end, one does, and no record is left of what
 * is gone.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

/* The stretch of true time in which faults happen, and the one after it in which all must heal. */
#define FAULTS_NS (9 * DURATION)
#define HEAL_NS	  (9 * DURATION)
/* The last part of it, in which nothing changes any more. */
#define STEADY_NS (2 * DURATION)

static bool takes_part(const struct node *node)
{
	return !node->drained && !node->gone;
}

static bool beats(const struct record *record)
{
	return record->shape == RECORD_GOOD && (record->heartbeat.state == HEARTBEAT_ALIVE ||
						record->heartbeat.state == HEARTBEAT_DRAINING);
}

/* What all see of node @n's heartbeat: renewals alone are seen by nobody. */
static const struct record *seen(unsigned int n)
{
	return oracle.apart && world.halved[n] ? &world.shown[n] : &world.records[n];
}

/* Does the heartbeat of node @n say that it has address @a as its own? */
static bool tells_of(unsigned int n, unsigned int a)
{
	const struct heartbeat *heartbeat = &seen(n)->heartbeat;
	struct address address = address_of(a);

	for (size_t i = 0; beats(seen(n)) && i < heartbeat->own_count; i++)
		if (!address_compare(&heartbeat->own[i], &address))
			return true;
	return false;
}

/* Does that of another node? */
static bool is_anothers(unsigned int n, unsigned int a)
{
	bool found = false;

	for (unsigned int other = 0; other < world.nodes; other++)
		found |= other != n && tells_of(other, a);
	return found;
}

/* Long after the faults: do heartbeats tell what their nodes have, and does no other node answer
 * for that? */
static void check_owners(void)
{
	for (unsigned int a = 0; a < ADDRESSES; a++)
		for (unsigned int n = 0; n < world.nodes; n++) {
			const struct node *node = &world.node[n];

			if (beats(seen(n)) && tells_of(n, a) != node->has[a])
				fail("%s has address %u: %d; its heartbeat says otherwise",
				     node->name, a, node->has[a]);
			if (node_answers(node, a) && is_anothers(n, a))
				fail("at %.3f s %s answers for address %u, which another node has",
				     (double)world.now / 1e9, node->name, a);
		}
}

static uint64_t transitions(unsigned int a)
{
	return world.records[NODES_MAX + a].claim.transitions;
}

/* After the faults: does each address have its answerer again? */
static void check_answers(void)
{
	for (unsigned int a = 0; a < ADDRESSES; a++) {
		bool wanted = false;

		for (unsigned int n = 0; n < world.nodes; n++)
			wanted |= world.node[n].wants[a] && takes_part(&world.node[n]) &&
				  !is_anothers(n, a);
		/* it may be on its way from one to another */
		if (wanted && !answering(a) &&
		    !(oracle.torn && world.now < world.answered[a] + RETRY_PERIOD))
			fail("long after the faults nobody answers for address %u", a);
		if (!wanted && answering(a))
			fail("address %u is answered for, and nobody may have it", a);
	}
}

/* Where nodes don't agree on who goes first: how often did addresses change hands since they had
 * @before transitions, at the end of the faults? Each node may ask for one once in a duration, and
 * not in the one after it gave it to another. */
static void check_changes(const uint64_t before[ADDRESSES])
{
	const uint64_t most = (HEAL_NS / DURATION + 2) * (world.nodes > 2 ? world.nodes : 1);

	for (unsigned int a = 0; a < ADDRESSES; a++) {
		uint64_t changes = transitions(a) - before[a];

		/* one that was removed begins anew */
		if (transitions(a) > before[a] && changes > most)
			fail("address %u changed hands %" PRIu64 " times", a, changes);
	}
}

/* Is a record left of what is gone, though somebody is there to remove it? */
static void check_records(void)
{
	bool wanted[ADDRESSES] = {}, anybody = false, wants;

	for (unsigned int n = 0; n < world.nodes; n++) {
		const struct node *node = &world.node[n];

		wants = false;
		for (unsigned int a = 0; a < ADDRESSES; a++) {
			wants |= node->wants[a];
			wanted[a] |= node->wants[a] && !node->gone;
			anybody |= node->wants[a] && takes_part(node);
		}
		/* a session of a process before is for others to declare dead, if there are any */
		if (!wants && node->machine && beats(&world.records[n]) &&
		    world.records[n].heartbeat.session == node->machine->session.id)
			fail("%s wants nothing, and goes on renewing", node->name);
	}
	for (unsigned int a = 0; anybody && a < ADDRESSES; a++)
		if (!wanted[a] && world.records[NODES_MAX + a].shape == RECORD_GOOD)
			fail("the claim on address %u is left, which nobody wants", a);
	for (unsigned int n = 0; anybody && n < world.nodes; n++)
		if (world.node[n].gone && seen(n)->shape == RECORD_GOOD)
			fail("the heartbeat of %s is left, which is gone", world.node[n].name);
}

/* One history. False: the invariant doesn't hold; world.failure says where. */
static bool run_once(unsigned int nodes, bool trace_it)
{
	static const int drifts[] = { 10000, -10000, 3000 };

	/* what a history was told of lies outside: zeroing it would take longer than the history */
	static struct event events[EVENTS];
	static struct written log[LOG_MAX];
	uint64_t changes[ADDRESSES];

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
		node->store.follow = store_follow;
		node->store.watch = oracle.selective ? store_watch : NULL;
		node->store.shows_removals = oracle.apart;
		node->store.swaps_min = oracle.narrow ? 1 : 2;
		node->store.swaps_max = oracle.narrow ? 1 : 64;
		memset(node->wants, true, sizeof(node->wants));
		node->config = (struct lease_config){
			.node = node->name,
			.id = node->id,
			.timing = { oracle.unequal && n == 1 ? LONG_DURATION : DURATION,
				    RENEW_DEADLINE, RETRY_PERIOD },
			.weight = 100,
			.preempt = oracle.torn || n == 1,
		};
		event_add(EVENT_START, n, 20 * MS * n);
	}
	/* first when the first claims are answered for, and late writes still on their way */
	event_add(EVENT_OPERATOR, 0, DURATION + 50 * MS);
	while (world_step(FAULTS_NS))
		;
	world.calm = true;
	for (unsigned int a = 0; a < ADDRESSES; a++)
		changes[a] = transitions(a);
	while (world_step(FAULTS_NS + HEAL_NS - STEADY_NS))
		;
	while (world_step(FAULTS_NS + HEAL_NS))
		check_owners();
	/* stamps end also where nothing happens any more */
	world.now = FAULTS_NS + HEAL_NS;
	if (!world.exhausted) {
		check_answers();
		check_records();
		check_changes(changes);
	}
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
	oracle.unequal = seed / 16 % 2;
	oracle.narrow = seed / 32 % 2;
	oracle.selective = seed / 64 % 2;
	oracle.owning = seed / 128 % 2;
	oracle.apart = oracle.selective && seed / 256 % 2;
	oracle.crowded = oracle.apart && seed / 512 % 2;
	oracle.torn = seed / 1024 % 2;
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
static int try_lists(size_t faults, uint32_t stride, bool selective, bool apart)
{
	/* two see each other's renewals in any case */
	unsigned int nodes = selective ? 3 : 2;

	uint32_t questions;
	uint64_t runs = 0;
	bool good = true;
	char how[128] = "", name[128];

	memset(&oracle, 0, sizeof(oracle));
	oracle.selective = selective;
	oracle.apart = apart;
	good = run_once(nodes, false);
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
			good = run_once(nodes, false);
			runs++;
		}
		snprintf(how, sizeof(how), "see it with: sim --list %u:%u,%u:%u%s",
			 oracle.list[0].question, oracle.list[0].answer, oracle.list[1].question,
			 oracle.list[1].answer,
			 apart	     ? " apart"
			 : selective ? " selective"
				     : "");
	}
	snprintf(name, sizeof(name),
		 "%zu of the faults that %u questions offer, every %u. pair, %u nodes: %" PRIu64
		 " histories",
		 faults, questions, stride, nodes, runs);
	return report(name, good, how);
}

int main(int argc, char **argv)
{
	uint64_t seeds =
		argc > 2 && !strcmp(argv[1], "--seeds") ? strtoull(argv[2], NULL, 10) : 1000;
	uint32_t stride = argc > 3 ? strtoul(argv[3], NULL, 10) : 4007;
	int failed;

	if (argc > 2 && !strcmp(argv[1], "--seed"))
		return report("seed", run_random(strtoull(argv[2], NULL, 10), true), argv[2]);
	if (argc > 2 && !strcmp(argv[1], "--list")) {
		oracle.listed = LISTED;
		if (sscanf(argv[2], "%u:%u,%u:%u", &oracle.list[0].question, &oracle.list[0].answer,
			   &oracle.list[1].question, &oracle.list[1].answer) != 4)
			return 2;
		oracle.selective = argc > 3;
		oracle.apart = argc > 3 && !strcmp(argv[3], "apart");
		return report("list", run_once(oracle.selective ? 3 : 2, true), argv[2]);
	}
	if (argc > 1 && !strcmp(argv[1], "--mutant"))
		return try_lists(1, 1, false, false) || try_lists(1, 1, true, false) ||
		       try_lists(1, 1, true, true) || try_random(1, 150000);
	setlinebuf(stdout);
	printf("1..7\n");
	failed = try_random(1, seeds);
	failed |= try_lists(1, 1, false, false);
	failed |= try_lists(1, 1, true, false);
	failed |= try_lists(1, 1, true, true);
	failed |= try_lists(2, stride, false, false);
	failed |= try_lists(2, 2 * stride, true, false);
	failed |= try_lists(2, 4 * stride, true, true);
	return failed;
}
