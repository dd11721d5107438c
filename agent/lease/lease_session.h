/* SPDX-License-Identifier: GPL-2.0-or-later */
/* This node's session: is it alive, and until when may its entries answer? */
#ifndef XDP_L2RESP_LEASE_SESSION_H
#define XDP_L2RESP_LEASE_SESSION_H

#include "lease_model.h"

/* Does the part of a session that is due; returns when the next is. */
uint64_t lease_session_run(struct lease_machine *machine, uint64_t now);
/* Without a store: deletes once what is left of an earlier process or configuration. To be called
 * when no claim waits for its turn: until then all may be theirs. */
void lease_session_sweep(struct lease_machine *machine);
/* Ends the session: purges its entries, or sees to it that they are. */
void lease_session_end(struct lease_machine *machine, enum lease_loss reason, const char *why);
/* The result of a swap of the own heartbeat, as store.h's swapped() has it. */
void lease_session_swapped(struct lease_machine *machine, const struct record *record, int result);

#endif
