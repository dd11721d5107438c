// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A node that takes part in the lease protocol over a store that answers anything: etcd's if the
 * input begins with e, else Kubernetes'. It never answers for an address that it doesn't hold, and
 * never on a stamp beyond its duration.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "fail.h"
#include "lease_machine.h"
#include "record_lease.h"
#include "record_json.h"
#include "fake_server.h"
#include "store_etcd.h"
#include "store_kubernetes.h"

#define DURATION  (15 * CLOCK_NS_PER_S)
#define BEGIN_NS  (100 * CLOCK_NS_PER_S)
#define ADDRESSES 3
#define SLOTS	  256

static const struct lease_config etcd_config = {
	.engine = STORE_ENGINE_ETCD,
	.node = "n1",
	.id = "0123456789abcdef0123456789abcdef",
	.timing = { DURATION, 5 * CLOCK_NS_PER_S, 2 * CLOCK_NS_PER_S },
	.weight = 100,
	.preempt = true,
	.endpoints = (const char *const[]){ "http://127.0.0.1:1", "http://127.0.0.1:2", NULL },
};

static const struct lease_config kubernetes_config = {
	.engine = STORE_ENGINE_KUBERNETES,
	.node = "n1",
	.id = "0123456789abcdef0123456789abcdef",
	.timing = { DURATION, 5 * CLOCK_NS_PER_S, 2 * CLOCK_NS_PER_S },
	.weight = 100,
	.server = "http://127.0.0.1:1",
	.namespace = "xdp-l2resp",
};

/* The node, its clock and its data path. */
static struct {
	struct lease_machine *machine;
	sd_event_source *soon; /* runs the machine, once it is due */
	uint64_t now_ns, due_ns, random;
	uint8_t entry[ADDRESSES]; /* slot; 0: none */
	uint64_t stamp_ns[SLOTS];
	bool wanted[ADDRESSES];
} node;

static struct address address_of(unsigned int number)
{
	struct address address = { .bytes = { [10] = 0xff, 0xff, 198, 18, 0, 10 } };

	address.bytes[15] += number;
	return address;
}

static unsigned int number_of(const struct address *address)
{
	unsigned int number = address->bytes[15] - 10U;
	struct address same = address_of(number);

	return number < ADDRESSES && !address_compare(address, &same) ? number : ADDRESSES;
}

static uint64_t clock_now(void *userdata)
{
	return node.now_ns;
}

static uint64_t clock_random(void *userdata)
{
	return ++node.random;
}

static void clock_arm(uint64_t due_ns, void *userdata)
{
	node.due_ns = due_ns;
	sd_event_source_set_enabled(node.soon,
				    due_ns <= node.now_ns ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static int on_soon(sd_event_source *source, void *userdata)
{
	lease_machine_run(node.machine);
	return 0;
}

static void on_gained(const struct address *address, uint8_t slot, void *userdata)
{
	unsigned int number = number_of(address);

	if (number == ADDRESSES || !node.wanted[number])
		fail("found", "gained what nobody wants");
	if (node.entry[number])
		fail("found", "gained twice");
	if (!slot || slot != lease_machine_holds(node.machine, address))
		fail("found", "gained what isn't held");
	node.entry[number] = slot;
}

static int on_lost(const struct address *address, enum lease_loss reason, void *userdata)
{
	if (number_of(address) < ADDRESSES)
		node.entry[number_of(address)] = 0;
	return 0;
}

static int on_purge(void *userdata)
{
	for (unsigned int i = 0; i < ADDRESSES; i++) {
		const struct address address = address_of(i);

		if (node.entry[i] != lease_machine_holds(node.machine, &address))
			node.entry[i] = 0;
	}
	return 0;
}

static int on_present(const struct address *address, void *userdata)
{
	unsigned int number = number_of(address);

	return number < ADDRESSES && node.entry[number];
}

static int on_stamp(uint8_t slot, uint64_t deadline_ns, void *userdata)
{
	if (!slot || deadline_ns > node.now_ns + DURATION - lease_margin_ns(DURATION))
		fail("found", "stamped for longer than the duration");
	node.stamp_ns[slot] = deadline_ns;
	return 0;
}

static int on_stamped(uint8_t slot, uint64_t *ret_deadline_ns, void *userdata)
{
	*ret_deadline_ns = node.stamp_ns[slot];
	return 0;
}

static void on_changed(const struct address *address, void *userdata)
{
	struct lease_info info;

	if (lease_machine_info(node.machine, address, &info) == 0 &&
	    info.held != !!lease_machine_holds(node.machine, address))
		fail("found", "two answers about who holds it");
}

static void on_state(enum lease_state state, const char *text, void *userdata)
{
	if (state >= LEASE_STATE_COUNT || !*text)
		fail("found", "a state without a word");
}

static void on_log(int priority, const char *text, void *userdata)
{
	if (!*text)
		fail("found", "a line without a word");
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
	.owners = on_owners,
	.state = on_state,
	.log = on_log,
};

static void want(unsigned int number, bool wanted)
{
	const struct address address = address_of(number);

	node.wanted[number] = wanted;
	if (wanted)
		lease_machine_want(node.machine, &address, NULL);
	else
		lease_machine_unwant(node.machine, &address);
}

/* What people and time do: a letter. */
static void on_line(const uint8_t *line, size_t length)
{
	const struct address address = address_of(0);
	struct err err;

	switch (line[0]) {
	case '.':
		/* to when something is to be done, but not for ever */
		if (node.due_ns != LEASE_NEVER && node.due_ns > node.now_ns)
			node.now_ns = node.due_ns;
		break;
	case 'w':
		want(1, !node.wanted[1]);
		break;
	case 'd':
		lease_machine_drain(node.machine, true);
		break;
	case 'u':
		lease_machine_drain(node.machine, false);
		break;
	case 'm':
		lease_machine_move(node.machine, &address, "n2", &err);
		break;
	case 's':
		lease_machine_stop(node.machine);
		break;
	default:
		return;
	}
	lease_machine_run(node.machine);
}

static struct store *store_new(bool etcd)
{
	const struct lease_config *config = etcd ? &etcd_config : &kubernetes_config;
	struct store *store;
	struct err err;
	int r = (etcd ? store_etcd_new : store_kubernetes_new)(server_event(), config,
							       config->timing.renew_deadline_ns / 2,
							       &lease_machine_events, node.machine,
							       &store, &err);

	if (r < 0)
		fail("found", err.text);
	return store;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct lease_clock clock = { clock_now, clock_random, clock_arm, NULL };
	bool etcd = size && data[0] == 'e';
	struct store *store;

	memset(&node, 0, sizeof(node));
	node.now_ns = BEGIN_NS;
	if (sd_event_add_defer(server_event(), &node.soon, on_soon, NULL) < 0)
		abort();
	sd_event_source_set_enabled(node.soon, SD_EVENT_OFF);
	node.machine = lease_machine_new(etcd ? &etcd_config : &kubernetes_config, &callbacks, NULL,
					 &clock);
	store = store_new(etcd);
	lease_machine_set_store(node.machine, store);
	want(0, true);
	want(2, true);
	lease_machine_settled(node.machine);
	lease_machine_run(node.machine);
	if (size)
		server_run(data + 1, size - 1, on_line);
	store->free(store);
	lease_machine_free(node.machine);
	sd_event_source_disable_unref(node.soon);
	return 0;
}
