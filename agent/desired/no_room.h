/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entries that this node should have, and for which there is no room in a map. It is no candidate
 * for their addresses until there is, so that another node answers; or the last one, where others
 * of its interfaces have an entry.
 */
#ifndef XDP_L2RESPD_NO_ROOM_H
#define XDP_L2RESPD_NO_ROOM_H

#include "err.h"
#include "pins.h"
#include "responder.h"

struct no_room;

struct no_room *no_room_new(void);
void no_room_free(struct no_room *no_room);

/* An entry of @address on @ifindex is wanted, its claim is held, and it @lacks room or doesn't. */
void no_room_note(struct no_room *no_room, const struct address *address, uint32_t ifindex,
		  bool lacks);

/* @address isn't desired any more. */
void no_room_forget(struct no_room *no_room, const struct address *address);

/* The maps can't grow, for the reason @why; they can, where that is NULL. Until it is known which,
 * what lacks room waits for it. */
void no_room_decided(struct no_room *no_room, const struct err *why);

/* Does an entry of @address lack room, on @ifindex or, where that is 0, on any interface?
 * *@ret_why, unless it is NULL: why the map doesn't grow. */
bool no_room_is(const struct no_room *no_room, const struct address *address, uint32_t ifindex,
		struct err *ret_why);

/* Why the maps can't grow, though that is needed; NULL: it isn't. */
const struct err *no_room_why(const struct no_room *no_room);

/* no_room_is() says other than at the last call. */
bool no_room_changed(struct no_room *no_room);

/* There is @room for so many more entries of each family: so many of those that lack it are to be
 * tried again. If that was in vain, the next try is put off, for five minutes at most. */
void no_room_retry(struct no_room *no_room, const size_t room[PINS_FAMILIES], uint64_t now_ns);

#endif
