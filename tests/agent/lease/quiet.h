/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A lease machine's callbacks for tests that don't look at them. Nothing is there before. */
#ifndef XDP_L2RESP_TESTS_QUIET_H
#define XDP_L2RESP_TESTS_QUIET_H

#include "lease_machine.h"

static inline void quiet_gained(const struct address *address, uint8_t slot, void *userdata)
{
}

static inline int quiet_lost(const struct address *address, enum lease_loss reason, void *userdata)
{
	return 0;
}

static inline int quiet_purge(void *userdata)
{
	return 0;
}

static inline int quiet_present(const struct address *address, void *userdata)
{
	return 0;
}

static inline int quiet_stamp(uint8_t slot, uint64_t deadline_ns, void *userdata)
{
	return 0;
}

static inline int quiet_stamped(uint8_t slot, uint64_t *ret_deadline_ns, void *userdata)
{
	*ret_deadline_ns = 0;
	return 0;
}

static inline void quiet_changed(const struct address *address, void *userdata)
{
}

static inline void quiet_state(enum lease_state state, const char *text, void *userdata)
{
}

static inline void quiet_owners(void *userdata)
{
}

static inline void quiet_log(int priority, const char *text, void *userdata)
{
}

static const struct lease_callbacks quiet_callbacks = {
	.gained = quiet_gained,
	.lost = quiet_lost,
	.purge = quiet_purge,
	.present = quiet_present,
	.stamp = quiet_stamp,
	.stamped = quiet_stamped,
	.changed = quiet_changed,
	.state = quiet_state,
	.owners = quiet_owners,
	.log = quiet_log,
};

static inline void quiet_arm(uint64_t due_ns, void *userdata)
{
}

/* A machine of @config that wants @address, and has @store, whose list it hasn't begun. */
static inline struct lease_machine *quiet_machine(const struct lease_config *config,
						  struct store *store,
						  const struct address *address,
						  uint64_t (*now)(void *userdata),
						  uint64_t (*random)(void *userdata))
{
	const struct lease_clock clock = { now, random, quiet_arm, NULL };
	struct lease_machine *machine = lease_machine_new(config, &quiet_callbacks, NULL, &clock);

	lease_machine_set_store(machine, store);
	lease_machine_want(machine, address, NULL);
	lease_machine_settled(machine);
	return machine;
}

#endif
