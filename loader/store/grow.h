/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Larger maps of addresses in place of the pinned ones, while requests come in. */
#ifndef XDP_L2RESP_GROW_H
#define XDP_L2RESP_GROW_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "pins.h"

/*
 * The room that each family's map needs to hold @count addresses: what it has, doubled until they
 * fit, at most pins->max_entries, to which the caller has kept @count. Returns whether it is more
 * than there is: then grow_responders() makes it.
 */
bool grow_needed(const struct pins *pins, const size_t count[PINS_FAMILIES],
		 uint32_t ret_room[PINS_FAMILIES]);

/*
 * Gives each family's map that much @room, no less than it has; one that has it already is left
 * alone. Fills new maps, pins them in the old ones' place, swaps the program on every interface
 * that it runs on, and adds the answers that were counted in the old maps meanwhile. @pins must be
 * locked, and hold the new maps afterwards. On failure the old maps are pinned and in use again.
 */
int grow_responders(struct pins *pins, const uint32_t room[PINS_FAMILIES], struct err *err);

/*
 * Finishes a growth that was killed, before anything else is done to @pins, which must be locked:
 * a program may read an older map, and go on answering for what is deleted, so it is swapped
 * wherever it does.
 */
int grow_settle(struct pins *pins, struct err *err);

/* Was a growth of @pins killed? */
static inline bool grow_unfinished(const struct pins *pins)
{
	return pins->unsettled;
}

#endif
