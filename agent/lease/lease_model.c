// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stdio.h>

#include "lease_model.h"

const char *const store_engine_names[STORE_ENGINE_COUNT] = {
	[STORE_ENGINE_NONE] = "none",
	[STORE_ENGINE_ETCD] = "etcd",
	[STORE_ENGINE_KUBERNETES] = "kubernetes",
};

const char *const lease_state_names[LEASE_STATE_COUNT] = {
	[LEASE_CONNECTING] = "connecting", [LEASE_IDLE] = "idle",
	[LEASE_NAME_TAKEN] = "name taken", [LEASE_NEWER] = "newer version",
	[LEASE_ACTIVE] = "active",	   [LEASE_DRAINED] = "drained",
	[LEASE_ENDED] = "ended",
};

const char *const lease_loss_names[LEASE_LOSS_COUNT] = {
	[LEASE_LOSS_UNWANTED] = "unwanted", [LEASE_LOSS_DRAIN] = "drain",
	[LEASE_LOSS_STOP] = "stop",	    [LEASE_LOSS_MOVED] = "moved",
	[LEASE_LOSS_SESSION] = "session",   [LEASE_LOSS_TAKEN] = "taken",
	[LEASE_LOSS_OWNED] = "owned",
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
