// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "sim.h"

void node_stop(struct node *node, uint64_t for_ns)
{
	trace("%s stopped for %.3f s", node->name, (double)for_ns / 1e9);
	node->stopped = true;
	node->stopped_until = world.now + for_ns;
	event_add(EVENT_CONTINUE, node - world.node, for_ns);
}

void node_kill(struct node *node, uint64_t for_ns)
{
	trace("%s killed for %.3f s", node->name,
	      for_ns == LEASE_NEVER ? 1e9 : (double)for_ns / 1e9);
	node->life++;
	node->stopped = node->ended = false;
	store_follow(&node->store, false);
	lease_machine_free(node->machine);
	node->machine = NULL;
	node->gone = for_ns == LEASE_NEVER;
	if (!node->gone)
		event_add(EVENT_START, node - world.node, for_ns);
}

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

	trace("%s: %s", node->name, text);
}

static void on_owners(void *userdata)
{
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
	.owners = on_owners,
	.log = on_log,
};

static uint64_t clock_now(void *userdata)
{
	return clock_of(userdata);
}

static uint64_t clock_random(void *userdata)
{
	return ++world.random;
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

void node_end(struct node *node)
{
	trace("%s is to end", node->name);
	lease_machine_stop(node->machine);
}

void node_publish(struct node *node)
{
	struct address own[ADDRESSES];
	struct lease_self self = { .own = own };

	for (unsigned int a = 0; a < ADDRESSES; a++)
		if (node->has[a])
			own[self.own_count++] = address_of(a);
	lease_machine_publish(node->machine, &self);
}

void node_want(struct node *node, unsigned int number, bool last_resort)
{
	const struct address address = address_of(number);
	const struct lease_preference preference = {
		.group = { oracle.torn ? node - world.node + 1 : 0, oracle.torn },
		.last_resort = last_resort,
	};

	lease_machine_want(node->machine, &address, &preference);
}

void node_start(struct node *node)
{
	trace("%s starts", node->name);
	node->machine = lease_machine_new(&node->config, &callbacks, node,
					  &(struct lease_clock){ clock_now, clock_random, clock_arm,
								 node });
	etcd_own_init(&node->own, node->name, &node->config.timing);
	node->machine->forget_ns = FORGET;
	node->machine->watchers = WATCHERS;
	/* one claim at a time, then the store's answers */
	if (oracle.narrow)
		node->machine->turn_ns = 0;
	lease_machine_set_store(node->machine, &node->store);
	node_publish(node);
	for (unsigned int a = 0; a < ADDRESSES; a++)
		if (node->wants[a])
			node_want(node, a, false);
	lease_machine_settled(node->machine);
	lease_machine_drain(node->machine, node->drained);
	/* SIGTERM may come before anything else */
	if (choose(4) == 3)
		node_end(node);
}
