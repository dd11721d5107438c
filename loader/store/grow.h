/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Replaces the pinned maps of addresses by larger ones, while the program answers. */
#ifndef XDP_L2RESP_GROW_H
#define XDP_L2RESP_GROW_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "pins.h"

/*
 * Computes the room that each family's map needs for @count addresses, at most pins->max_entries:
 * the present room, doubled until they fit, but no more than pins->max_entries. Returns true if it
 * is more than the present room, so that grow_responders() is needed.
 */
bool grow_needed(const struct pins *pins, const size_t count[PINS_FAMILIES],
		 uint32_t ret_room[PINS_FAMILIES]);

/*
 * Replaces each family's map that has less than @room by one that has it. Fills the new maps, pins
 * them in place of the old ones, swaps the program on every interface that it runs on, and adds the
 * answers that were counted in the old maps meanwhile; if that fails, only @ret_warning is set.
 * @pins must be locked, and has the new maps afterwards. On failure the old maps are pinned and in
 * use again.
 */
int grow_responders(struct pins *pins, const uint32_t room[PINS_FAMILIES], struct err *ret_warning,
		    struct err *err);

/*
 * Finishes a growth that was killed; call it before any other change to @pins, which must be
 * locked. Swaps programs that still read an old map: they would answer for addresses that are
 * deleted from the new one.
 */
int grow_settle(struct pins *pins, struct err *err);

/* True if a growth of @pins was killed. */
static inline bool grow_unfinished(const struct pins *pins)
{
	return pins->unsettled;
}

#endif
