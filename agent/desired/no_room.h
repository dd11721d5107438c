/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entries that don't fit into this node's maps. Until there is room it doesn't claim their
 * addresses, so that another node answers. If it has an entry of the address on another interface,
 * it claims the address only if no other node does.
 */
#ifndef XDP_L2RESPD_NO_ROOM_H
#define XDP_L2RESPD_NO_ROOM_H

#include "err.h"
#include "pins.h"
#include "policy.h"
#include "responder.h"

struct no_room;

struct no_room *no_room_new(void);
void no_room_free(struct no_room *no_room);

/* Records whether the map @lacks room for the entry of @address on @ifindex. This node holds the
 * lease of @address. */
void no_room_note(struct no_room *no_room, const struct address *address, uint32_t ifindex,
		  bool lacks);

/* @address is wanted @on these interfaces: forgets others. */
void no_room_follow(struct no_room *no_room, const struct address *address,
		    const struct selected *on, size_t count);

/* Forgets @address, which is no longer desired. */
void no_room_forget(struct no_room *no_room, const struct address *address);

/* Records the result of growing the maps: @why it failed, or NULL: it succeeded, and no entry lacks
 * room any more. Before the first result no_room_is() returns false for all addresses. */
void no_room_decided(struct no_room *no_room, const struct err *why);

/* Does an entry of @address lack room, on @ifindex or, where that is 0, on any interface?
 * *@ret_why, unless it is NULL: why the map doesn't grow. */
bool no_room_is(const struct no_room *no_room, const struct address *address, uint32_t ifindex,
		struct err *ret_why);

/* Why the maps can't grow although an entry lacks room; NULL: no entry lacks room. */
const struct err *no_room_why(const struct no_room *no_room);

/* Has any answer of no_room_is() changed since the last call? */
bool no_room_changed(struct no_room *no_room);

/* @room: free entries of each family. Forgets as many addresses as fit, so that they are tried
 * again. If some still lack room, the interval until the next retry doubles, up to five minutes. */
void no_room_retry(struct no_room *no_room, const size_t room[PINS_FAMILIES], uint64_t now_ns);

#endif
