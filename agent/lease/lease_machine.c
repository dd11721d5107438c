// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "lease_machine.h"

const char *const lease_engine_names[LEASE_ENGINE_COUNT] = {
	[LEASE_ENGINE_NONE] = "none",
	[LEASE_ENGINE_ETCD] = "etcd",
	[LEASE_ENGINE_KUBERNETES] = "kubernetes",
};

const char *const lease_state_names[LEASE_STATE_COUNT] = {
	[LEASE_CONNECTING] = "connecting", [LEASE_NAME_TAKEN] = "name taken",
	[LEASE_ACTIVE] = "active",	   [LEASE_DRAINED] = "drained",
	[LEASE_ENDED] = "ended",
};

const char *const lease_loss_names[LEASE_LOSS_COUNT] = {
	[LEASE_LOSS_UNWANTED] = "unwanted", [LEASE_LOSS_DRAIN] = "drain",
	[LEASE_LOSS_MOVED] = "moved",	    [LEASE_LOSS_SESSION] = "session",
	[LEASE_LOSS_TAKEN] = "taken",
};

const char *const heartbeat_state_names[HEARTBEAT_STATE_COUNT] = {
	[HEARTBEAT_ALIVE] = "alive",
	[HEARTBEAT_DRAINING] = "draining",
	[HEARTBEAT_DEAD] = "dead",
	[HEARTBEAT_ENDED] = "ended",
};

uint64_t lease_now(const struct lease_machine *machine)
{
	return machine->clock.now(machine->clock.userdata);
}

void lease_log(struct lease_machine *machine, int priority, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	machine->callbacks->log(priority, text, machine->userdata);
}

void lease_state_set(struct lease_machine *machine, enum lease_state state, const char *format, ...)
{
	char text[1024];
	va_list args;

	if (machine->state == state)
		return;
	machine->state = state;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	machine->callbacks->state(state, text, machine->userdata);
}

int lease_machine_new(const struct lease_config *config, const struct lease_callbacks *callbacks,
		      void *userdata, const struct lease_clock *clock,
		      struct lease_machine **ret_machine)
{
	struct lease_machine *machine = calloc(1, sizeof(*machine));

	if (!machine)
		return -ENOMEM;
	*machine = (struct lease_machine){
		.id = config->id,
		.duration_ns = config->timing.duration_ns,
		.renew_deadline_ns = config->timing.renew_deadline_ns,
		.retry_period_ns = config->timing.retry_period_ns,
		.margin_ns = lease_margin_ns(config->timing.duration_ns),
		.weight = config->weight,
		.preempt = config->preempt,
		.callbacks = callbacks,
		.userdata = userdata,
		.clock = *clock,
		.swaps_max = LEASE_SWAPS_BEGIN,
		.queue.last = &machine->queue.first,
		.waiting.last = &machine->waiting.first,
		.claims_due_ns = LEASE_NEVER,
	};
	machine->self = lease_peer_get(machine, config->node);
	if (!machine->self) {
		lease_machine_free(machine);
		return -ENOMEM;
	}
	*ret_machine = machine;
	return 0;
}

void lease_machine_free(struct lease_machine *machine)
{
	if (!machine)
		return;
	lease_claims_free(machine);
	while (machine->peers) {
		struct lease_peer *peer = machine->peers;

		machine->peers = peer->next;
		free(peer);
	}
	free(machine);
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void lease_machine_run(struct lease_machine *machine)
{
	uint64_t now = lease_now(machine), due;

	/* called from a callback: the run that called it sees to the rest */
	if (machine->running)
		return;
	machine->running = true;
	do {
		/*
		 * Claims first: a renewal is confirmed by an event of the same stream that tells
		 * of claims lost, and must find those dealt with.
		 */
		lease_claims_run(machine, now);
		due = lease_session_run(machine, now);
		due = earliest(due, lease_claims_run(machine, now));
		due = earliest(due, lease_peers_run(machine, now));
	} while (machine->queue.first && (machine->synced || !machine->store));
	machine->running = false;
	machine->clock.arm(due, machine->clock.userdata);
}

void lease_machine_settled(struct lease_machine *machine)
{
	if (machine->settled)
		return;
	machine->settled = true;
	if (!machine->store)
		machine->callbacks->purge(machine->userdata);
	lease_claims_queue_all(machine);
}

void lease_machine_drain(struct lease_machine *machine, bool drain)
{
	if (machine->draining == drain || machine->stopping)
		return;
	machine->draining = drain;
	/* a session that is over frees all its claims by one write */
	if (drain)
		lease_session_end(machine, LEASE_LOSS_DRAIN, "drained");
	machine->session.next_ns = 0;
	lease_claims_queue_all(machine);
}

void lease_machine_stop(struct lease_machine *machine)
{
	if (machine->stopping)
		return;
	machine->stopping = true;
	lease_session_end(machine, LEASE_LOSS_DRAIN, "stopping");
	machine->session.next_ns = 0;
}

void lease_machine_status(const struct lease_machine *machine, struct lease_status *ret_status)
{
	struct lease_status status = machine->figures;

	status.state = machine->state;
	if (machine->session.phase != SESSION_NONE)
		status.slot = machine->session.slot;
	status.deadline_ns = machine->session.deadline_ns;
	*ret_status = status;
}

static void event_reset(void *userdata)
{
	struct lease_machine *machine = userdata;

	machine->synced = false;
	machine->generation++;
}

static void event_record(const struct record *record, void *userdata)
{
	struct lease_machine *machine = userdata;

	if (record->kind == RECORD_CLAIM)
		lease_claim_record(machine, record);
	else
		lease_peer_record(machine, record);
	/* a list is no moment of the store until it is complete */
	if (machine->synced)
		lease_machine_run(machine);
}

static void event_synced(void *userdata)
{
	struct lease_machine *machine = userdata;

	machine->view_ns = lease_now(machine);
	lease_peers_synced(machine);
	lease_claims_synced(machine);
	machine->synced = true;
	lease_machine_run(machine);
}

static void event_swapped(const struct record *record, int result, void *userdata)
{
	struct lease_machine *machine = userdata;

	if (record->kind == RECORD_CLAIM)
		/* the view tells what became of it */
		lease_claim_swapped(machine, record, result);
	else
		lease_session_swapped(machine, record, result);
	lease_machine_run(machine);
}

static void event_reachable(const char *trouble, void *userdata)
{
	struct lease_machine *machine = userdata;

	if (trouble)
		lease_log(machine, LOG_WARNING, "%s", trouble);
	else
		lease_log(machine, LOG_INFO, "the lease store answers");
}

const struct store_events lease_machine_events = {
	.reset = event_reset,
	.record = event_record,
	.synced = event_synced,
	.swapped = event_swapped,
	.reachable = event_reachable,
};
