// SPDX-License-Identifier: GPL-2.0-or-later
#include "sim.h"

/* What people do to records. */
enum { ACT_DELETE, ACT_OVERWRITE, RECORD_ACTS };
/* What they do to what a node wants of an address. */
enum { ACT_MOVE, ACT_LAST, ACT_WANT, ADDRESS_ACTS };
/* What they do to a node. */
enum { ACT_DRAIN, ACT_END, ACT_GONE, NODE_ACTS };

#define RECORDS (NODES_MAX + ADDRESSES)

static void act_on_record(unsigned int act, unsigned int number)
{
	struct record record = world.records[number];
	unsigned int half = oracle.random ? random_next() % 3 : oracle.asked % 3;

	/* of a node that nobody knows any more nobody knows the duration (docs/leases.md) */
	if (record.shape == RECORD_ABSENT || (oracle.unequal && number < NODES_MAX))
		return;
	/* a node that doesn't watch isn't shown it, nor whose the addresses are no longer (there)
	 */
	if (oracle.owning && oracle.selective && !oracle.apart && number < NODES_MAX)
		return;
	record.shape = act == ACT_OVERWRITE ? RECORD_FOREIGN : RECORD_ABSENT;
	trace("record %u made %s", number, act == ACT_OVERWRITE ? "foreign" : "absent");
	if (!oracle.apart || number >= NODES_MAX) {
		store_write(&record);
		return;
	}
	/* both records of a heartbeat, or one of them */
	record.heartbeat.all = true;
	if (half)
		store_write_half(&record, half == 1);
	else
		store_write(&record);
}

static void want(struct node *node, unsigned int number, bool wanted)
{
	struct address address = address_of(number);

	node->wants[number] = wanted;
	trace("%s: want %u: %d", node->name, number, wanted);
	if (wanted)
		node_want(node, number, false);
	else
		lease_machine_unwant(node->machine, &address);
}

static void act_on_address(unsigned int act, struct node *node, unsigned int number)
{
	struct address address = address_of(number);
	struct err err;

	switch (act) {
	case ACT_MOVE:
		trace("%s: move %u there", node->name, number);
		lease_machine_move(node->machine, &address, node->name, &err);
		break;
	case ACT_LAST:
		trace("%s: %u last", node->name, number);
		node->wants[number] = true;
		node_want(node, number, true);
		break;
	default:
		want(node, number, !node->wants[number]);
	}
}

static void act_on_node(unsigned int act, struct node *node)
{
	switch (act) {
	case ACT_DRAIN:
		node->drained = !node->drained;
		trace("%s: drain: %d", node->name, node->drained);
		lease_machine_drain(node->machine, node->drained);
		break;
	case ACT_END:
		node_end(node);
		break;
	default:
		for (unsigned int n = 0; n < world.nodes; n++)
			if (world.node[n].gone)
				return;
		node_kill(node, LEASE_NEVER);
		return;
	}
}

static bool runs(const struct node *node)
{
	return node->machine && !node->stopped;
}

/* A node gets an address as its own, or loses it. */
static void act_on_own(struct node *node, unsigned int number)
{
	if (!runs(node))
		return;
	node->has[number] = !node->has[number];
	trace("%s: has %u as its own: %d", node->name, number, node->has[number]);
	node_publish(node);
}

void operate(void)
{
	uint32_t choice = choose(1 + RECORD_ACTS * RECORDS + ADDRESS_ACTS * NODES_MAX * ADDRESSES +
				 NODE_ACTS * NODES_MAX + ADDRESSES + 1);
	struct node *node;

	if (oracle.owning && !world.calm && !(random_next() % 4))
		act_on_own(&world.node[random_next() % world.nodes], random_next() % ADDRESSES);
	if (oracle.hands && !world.calm && random_next() % 2)
		choice = 1 + random_next() % ((uint64_t)RECORD_ACTS * RECORDS);
	if (!world.calm)
		event_add(EVENT_OPERATOR, 0, DURATION / 5);
	if (!choice--)
		return;
	if (choice < RECORD_ACTS * RECORDS) {
		act_on_record(choice % RECORD_ACTS, choice / RECORD_ACTS);
		return;
	}
	choice -= RECORD_ACTS * RECORDS;
	node = &world.node[choice % NODES_MAX % world.nodes];
	if (choice < ADDRESS_ACTS * NODES_MAX * ADDRESSES) {
		if (runs(node))
			act_on_address(choice / NODES_MAX / ADDRESSES, node,
				       choice / NODES_MAX % ADDRESSES);
		return;
	}
	choice -= ADDRESS_ACTS * NODES_MAX * ADDRESSES;
	if (choice < NODE_ACTS * NODES_MAX) {
		if (runs(node))
			act_on_node(choice / NODES_MAX, node);
		return;
	}
	choice -= NODE_ACTS * NODES_MAX;
	/* nobody wants one address any more; or, the last answer, any */
	for (node = world.node; node < world.node + world.nodes; node++)
		for (unsigned int number = 0; number < ADDRESSES && runs(node); number++)
			if (choice == number || choice == ADDRESSES)
				want(node, number, false);
}
