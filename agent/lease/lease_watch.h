/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose renewals this node follows, where the view shows only its own: those before it on a ring.
 */
#ifndef XDP_L2RESP_LEASE_WATCH_H
#define XDP_L2RESP_LEASE_WATCH_H

#include "lease_model.h"

/* Chooses whom to watch, if that may have changed; returns when to look at it again. */
uint64_t lease_watch_run(struct lease_machine *machine, uint64_t now);
/* Nobody is watched any more. */
void lease_watch_end(struct lease_machine *machine);

/* Those watched are listed: begins, one, is complete; then one at a time as it changes. */
void lease_pulses_reset(struct lease_machine *machine);
void lease_pulse_record(struct lease_machine *machine, const struct record *record);
void lease_pulses_synced(struct lease_machine *machine);

#endif
