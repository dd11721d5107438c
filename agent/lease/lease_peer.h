/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The nodes, by their heartbeats as the view shows them: who is alive, who is to be declared dead,
 * and whose record is to be removed. */
#ifndef XDP_L2RESP_LEASE_PEER_H
#define XDP_L2RESP_LEASE_PEER_H

#include "lease_model.h"

/* The node called @name; NULL: it isn't known. */
struct lease_peer *lease_peer_find(const struct lease_machine *machine, const char *name);
/* The same, added where it isn't known. */
struct lease_peer *lease_peer_get(struct lease_machine *machine, const char *name);
/* Is there room for the node called @name, or none needed? Makes some, if there is none. */
bool lease_peer_fits(struct lease_machine *machine, const char *name);
/* All but this node, and those whose leases last longest, is forgotten; no claim may name one. */
void lease_peers_forget(struct lease_machine *machine);
void lease_peers_free(struct lease_machine *machine);

/* Is @heartbeat that of a session that nobody has ended? */
bool lease_heartbeat_beats(const struct heartbeat *heartbeat);
/* Is the peer's heartbeat that of a session that goes on, as far as is known? */
bool lease_peer_alive(const struct lease_machine *machine, const struct lease_peer *peer,
		      uint64_t now);
/* Would @peer take addresses at all? */
bool lease_peer_is_candidate(const struct lease_machine *machine, const struct lease_peer *peer,
			     uint64_t now);
/* How long a heartbeat of @peer must have been silent. */
uint64_t lease_peer_wait_ns(const struct lease_machine *machine, const struct lease_peer *peer);
/* Until when a heartbeat that doesn't change counts as that of a living session. LEASE_NEVER: this
 * node doesn't know its renewals. */
uint64_t lease_peer_silent_until(const struct lease_machine *machine,
				 const struct lease_peer *peer);
/* Does @peer's record say that @session is over? To be relied on from @peer->settled_ns on. */
bool lease_peer_session_over(const struct lease_peer *peer, uint64_t session);
/* Until when a record that vanished at @since counts as held: it may have been that of any node
 * whose entries may still answer. *@ret_slowest: the other node for whose sake that is longer than
 * this node's own duration; NULL: it isn't. */
uint64_t lease_vanished_until(const struct lease_machine *machine, uint64_t since,
			      struct lease_peer **ret_slowest);

/* Does @new look different to other nodes than @old? Not for a mere renewal. */
bool lease_heartbeat_differs(const struct heartbeat *old, const struct heartbeat *new);
/* The heartbeat of @peer with its latest renewal is @record. */
void lease_pulse_set(const struct lease_machine *machine, struct lease_peer *peer,
		     const struct record *record);
/* The view shows @record. True: claims look different now. */
bool lease_peer_record(struct lease_machine *machine, const struct record *record);
/* The view is complete: peers that it doesn't have are gone. */
void lease_peers_synced(struct lease_machine *machine);
/* The result of a swap of another node's heartbeat, as store.h's swapped() has it. */
void lease_peer_swapped(struct lease_machine *machine, const struct record *record, int result);
/* Declares peers dead that were silent for too long, and removes the records of those that are
 * gone; returns when the next would be. */
uint64_t lease_peers_run(struct lease_machine *machine, uint64_t now);

#endif
