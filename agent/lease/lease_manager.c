// SPDX-License-Identifier: GPL-2.0-or-later
/* The state machine on a real event loop, clock and store. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "cleanup.h"
#include "clock.h"
#include "lease_machine.h"
#include "lease_owner.h"
#include "loop.h"
#include "store_etcd.h"
#include "store_kubernetes.h"

struct lease_manager {
	sd_event *event;
	sd_event_source *timer;
	struct lease_machine *machine;
	struct store *store;
	struct lease_callbacks callbacks;
	char node[RECORD_NODE_MAX + 1];
	char id[RECORD_ID_DIGITS + 1];
};

static uint64_t clock_now(void *userdata)
{
	return clock_boot_ns();
}

static uint64_t clock_random(void *userdata)
{
	uint64_t number = 0;

	while (!number)
		if (getrandom(&number, sizeof(number), 0) != sizeof(number))
			number = 0;
	return number;
}

static void clock_arm(uint64_t due_ns, void *userdata)
{
	struct lease_manager *manager = userdata;
	uint64_t armed_usec;

	/* A pending timer that is set again queues behind a stream that is always readable. */
	if (due_ns != LEASE_NEVER && loop_timer_is_on(manager->timer) &&
	    sd_event_source_get_time(manager->timer, &armed_usec) >= 0 &&
	    armed_usec <= due_ns / 1000)
		return;
	loop_timer_at(manager->timer, due_ns);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct lease_manager *manager = userdata;

	lease_machine_run(manager->machine);
	return 0;
}

static int identity_check(const struct lease_config *config, struct err *err)
{
	if (!config->node || !config->node[0] || strlen(config->node) > RECORD_NODE_MAX ||
	    strspn(config->node, "abcdefghijklmnopqrstuvwxyz0123456789-.") != strlen(config->node))
		return err_set(err, -EINVAL,
			       "%s is no node name: 1 to %d small letters, digits, - and .",
			       config->node ?: "(none)", RECORD_NODE_MAX);
	if (!config->id || strlen(config->id) != RECORD_ID_DIGITS ||
	    strspn(config->id, "0123456789abcdef") != RECORD_ID_DIGITS)
		return err_set(err, -EINVAL, "the agent's id isn't %d small hex digits",
			       RECORD_ID_DIGITS);
	return 0;
}

static int store_make(struct lease_manager *manager, const struct lease_config *config,
		      struct err *err)
{
	/* two attempts, at two endpoints, before the session has to end */
	uint64_t timeout = config->timing.renew_deadline_ns / 2;

	switch (config->engine) {
	case STORE_ENGINE_NONE:
		return 0;
	case STORE_ENGINE_ETCD:
		return store_etcd_new(manager->event, config, timeout, &lease_machine_events,
				      manager->machine, &manager->store, err);
	case STORE_ENGINE_KUBERNETES:
		return store_kubernetes_new(manager->event, config, timeout, &lease_machine_events,
					    manager->machine, &manager->store, err);
	default:
		return err_set(err, -EINVAL, "there is no lease engine of that number");
	}
}

void lease_manager_free(struct lease_manager *manager)
{
	if (!manager)
		return;
	if (manager->store)
		manager->store->free(manager->store);
	lease_machine_free(manager->machine);
	sd_event_source_disable_unref(manager->timer);
	sd_event_unref(manager->event);
	free(manager);
}

static void cleanup_manager(struct lease_manager **manager)
{
	lease_manager_free(*manager);
}

int lease_manager_new(sd_event *event, const struct lease_config *config,
		      const struct lease_callbacks *callbacks, void *userdata,
		      struct lease_manager **ret_manager, struct err *err)
{
	_cleanup_(cleanup_manager) struct lease_manager *manager = xcalloc(1, sizeof(*manager));
	struct lease_config own = *config;
	int r;

	r = identity_check(config, err);
	r = r ?: lease_timing_check(config->engine, &config->timing, err);
	if (r < 0)
		return r;
	manager->event = sd_event_ref(event);
	manager->callbacks = *callbacks;
	node_name_copy(manager->node, config->node);
	memcpy(manager->id, config->id, RECORD_ID_DIGITS);
	own.node = manager->node;
	own.id = manager->id;
	r = loop_timer_new(event, 0, on_timer, manager, &manager->timer);
	if (r < 0)
		return err_set(err, r, "a timer can't be made: %s", strerror(-r));
	manager->machine = lease_machine_new(&own, &manager->callbacks, userdata,
					     &(struct lease_clock){ clock_now, clock_random,
								    clock_arm, manager });
	r = store_make(manager, config, err);
	if (r < 0)
		return r;
	if (manager->store)
		lease_machine_set_store(manager->machine, manager->store);
	*ret_manager = manager;
	manager = NULL;
	return 0;
}

void lease_manager_want(struct lease_manager *manager, const struct address *address,
			const struct lease_preference *preference)
{
	lease_machine_want(manager->machine, address, preference);
}

void lease_manager_unwant(struct lease_manager *manager, const struct address *address)
{
	lease_machine_unwant(manager->machine, address);
}

void lease_manager_settled(struct lease_manager *manager)
{
	lease_machine_settled(manager->machine);
}

void lease_manager_drain(struct lease_manager *manager, bool drain)
{
	lease_machine_drain(manager->machine, drain);
}

void lease_manager_stop(struct lease_manager *manager)
{
	lease_machine_stop(manager->machine);
}

int lease_manager_move(struct lease_manager *manager, const struct address *address,
		       const char *node, struct err *err)
{
	return lease_machine_move(manager->machine, address, node, err);
}

void lease_manager_publish(struct lease_manager *manager, const struct lease_self *self)
{
	lease_machine_publish(manager->machine, self);
}

int lease_manager_owners(const struct lease_manager *manager, struct address_list *addresses)
{
	return lease_owners_list(manager->machine, addresses);
}

uint8_t lease_manager_holds(const struct lease_manager *manager, const struct address *address)
{
	return lease_machine_holds(manager->machine, address);
}

int lease_manager_info(struct lease_manager *manager, const struct address *address,
		       struct lease_info *ret_info)
{
	return lease_machine_info(manager->machine, address, ret_info);
}

void lease_manager_status(const struct lease_manager *manager, struct lease_status *ret_status)
{
	lease_machine_status(manager->machine, ret_status);
}
