/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Maps of addresses that take the place of the pinned ones. */
#ifndef XDP_L2RESP_PINS_SWAP_H
#define XDP_L2RESP_PINS_SWAP_H

#include "err.h"
#include "pins.h"

/* Maps of addresses with that much @room, not pinned; none (-1) of a family whose @room is 0.
 * Returns 0 and descriptors that the caller closes, or an error with @err. */
int pins_create_responders(const uint32_t room[PINS_FAMILIES], int ret_fds[PINS_FAMILIES],
			   struct err *err);

/*
 * Pins the maps @fds in the place of those pinned, each at once: there is no moment without a pin.
 * A family whose descriptor is -1 keeps its map. On success @pins have them, and @fds are those
 * that they had, the caller's to close. On failure nothing has changed.
 */
int pins_swap_responders(struct pins *pins, int fds[PINS_FAMILIES], struct err *err);

#endif
