// SPDX-License-Identifier: GPL-2.0-or-later
/* The state machine on a real event loop, clock and store. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "cleanup.h"
#include "clock.h"
#include "lease_machine.h"
#include "loop.h"
#include "store_etcd.h"
#include "store_kubernetes.h"

struct runtime {
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
	struct runtime *runtime = userdata;
	uint64_t armed_usec;

	/* A pending timer that is set again queues behind a stream that is always readable. */
	if (due_ns != LEASE_NEVER && loop_timer_is_on(runtime->timer) &&
	    sd_event_source_get_time(runtime->timer, &armed_usec) >= 0 &&
	    armed_usec <= due_ns / 1000)
		return;
	loop_timer_at(runtime->timer, due_ns);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct runtime *runtime = userdata;

	lease_machine_run(runtime->machine);
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

static int store_make(struct runtime *runtime, const struct lease_config *config, struct err *err)
{
	/* two attempts, at two endpoints, before the session has to end */
	uint64_t timeout = config->timing.renew_deadline_ns / 2;

	switch (config->engine) {
	case STORE_ENGINE_NONE:
		return 0;
	case STORE_ENGINE_ETCD:
		return store_etcd_new(runtime->event, config, timeout, &lease_machine_events,
				      runtime->machine, &runtime->store, err);
	case STORE_ENGINE_KUBERNETES:
		return store_kubernetes_new(runtime->event, config, timeout, &lease_machine_events,
					    runtime->machine, &runtime->store, err);
	default:
		return err_set(err, -EINVAL, "there is no lease engine of that number");
	}
}

static void runtime_free(struct runtime *runtime)
{
	if (runtime->store)
		runtime->store->free(runtime->store);
	lease_machine_free(runtime->machine);
	sd_event_source_disable_unref(runtime->timer);
	sd_event_unref(runtime->event);
	free(runtime);
}

static void cleanup_runtime(struct runtime **runtime)
{
	if (*runtime)
		runtime_free(*runtime);
}

void lease_end(struct lease_machine *machine)
{
	if (machine)
		runtime_free(machine->clock.userdata);
}

int lease_start(sd_event *event, const struct lease_config *config,
		const struct lease_callbacks *callbacks, void *userdata,
		struct lease_machine **ret_machine, struct err *err)
{
	_cleanup_(cleanup_runtime) struct runtime *runtime = xcalloc(1, sizeof(*runtime));
	struct lease_config own = *config;
	int r;

	r = identity_check(config, err);
	r = r ?: lease_timing_check(config->engine, &config->timing, err);
	if (r < 0)
		return r;
	runtime->event = sd_event_ref(event);
	runtime->callbacks = *callbacks;
	node_name_copy(runtime->node, config->node);
	memcpy(runtime->id, config->id, RECORD_ID_DIGITS);
	own.node = runtime->node;
	own.id = runtime->id;
	r = loop_timer_new(event, 0, on_timer, runtime, &runtime->timer);
	if (r < 0)
		return err_set(err, r, "a timer can't be made: %s", strerror(-r));
	runtime->machine = lease_machine_new(&own, &runtime->callbacks, userdata,
					     &(struct lease_clock){ clock_now, clock_random,
								    clock_arm, runtime });
	r = store_make(runtime, config, err);
	if (r < 0)
		return r;
	if (runtime->store)
		lease_machine_set_store(runtime->machine, runtime->store);
	*ret_machine = TAKE_PTR(runtime)->machine;
	return 0;
}
