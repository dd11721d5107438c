/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entries that this node should have, but its maps are full. Until there is room it doesn't claim
 * their addresses, so that another node answers. Where it has an entry of the address on another
 * interface, it claims the address only if no other node does.
 */
#ifndef XDP_L2RESPD_NO_ROOM_H
#define XDP_L2RESPD_NO_ROOM_H

#include "err.h"
#include "pins.h"
#include "responder.h"

struct no_room;

struct no_room *no_room_new(void);
void no_room_free(struct no_room *no_room);

/* This node holds the claim of @address: does the map lack room for its entry on @ifindex? */
void no_room_note(struct no_room *no_room, const struct address *address, uint32_t ifindex,
		  bool lacks);

/* Forgets @address, which isn't desired any more. */
void no_room_forget(struct no_room *no_room, const struct address *address);

/* The result of an attempt to grow the maps: @why it failed, or NULL if it succeeded, after which
 * nothing lacks room. Before the first result no_room_is() returns false for all. */
void no_room_decided(struct no_room *no_room, const struct err *why);

/* Does an entry of @address lack room, on @ifindex or, where that is 0, on any interface?
 * *@ret_why, unless it is NULL: why the map doesn't grow. */
bool no_room_is(const struct no_room *no_room, const struct address *address, uint32_t ifindex,
		struct err *ret_why);

/* Why the maps can't grow, though that is needed; NULL: it isn't. */
const struct err *no_room_why(const struct no_room *no_room);

/* Has any answer of no_room_is() changed since the last call? */
bool no_room_changed(struct no_room *no_room);

/* The maps have @room for so many more entries of each family: forgets as many addresses as fit, so
 * that they are tried again. If some come back, the next call waits twice as long before it does so
 * again, five minutes at most. */
void no_room_retry(struct no_room *no_room, const size_t room[PINS_FAMILIES], uint64_t now_ns);

#endif
