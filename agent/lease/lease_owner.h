/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The addresses that nodes have as their own, as their heartbeats tell: no other node claims one of
 * them as long as its owner's session isn't over. */
#ifndef XDP_L2RESP_LEASE_OWNER_H
#define XDP_L2RESP_LEASE_OWNER_H

#include "address_list.h"
#include "lease_model.h"

/* The node that has @address as its own, but not this one; NULL: there is none. */
const struct lease_peer *lease_owner_find(const struct lease_machine *machine,
					  const struct address *address);

/* Brings the table up to date with the view, if that is complete. Says so where it is another one
 * than before, and the first time. */
void lease_owners_run(struct lease_machine *machine);

/* The table isn't known any more. */
void lease_owners_forget(struct lease_machine *machine);

#endif
