/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lease protocol as a state machine over a store and a clock: no I/O, no timers of its own. */
#ifndef XDP_L2RESP_LEASE_MACHINE_H
#define XDP_L2RESP_LEASE_MACHINE_H

#include "lease_model.h"

/* What lease_machine_new() needs of a store: pass it on when the store is made. */
extern const struct store_events lease_machine_events;

/* @config, @callbacks and @clock must outlive it. */
struct lease_machine *lease_machine_new(const struct lease_config *config,
					const struct lease_callbacks *callbacks, void *userdata,
					const struct lease_clock *clock);
/* To be called before anything else, but with the engine none. */
void lease_machine_set_store(struct lease_machine *machine, struct store *store);
void lease_machine_free(struct lease_machine *machine);

/* Does all that is due, and arms the clock for what will be. The other calls and the store's events
 * arm the clock for it. */
void lease_machine_run(struct lease_machine *machine);

#endif
