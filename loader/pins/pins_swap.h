/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Creates maps of addresses, and pins them in place of the pinned ones. */
#ifndef XDP_L2RESP_PINS_SWAP_H
#define XDP_L2RESP_PINS_SWAP_H

#include "err.h"
#include "pins.h"

/* Creates maps of addresses with @room, without pins; none (-1) for a family whose @room is 0. The
 * caller closes @ret_fds. Returns 0 or a negative errno with @err. */
int pins_create_responders(const uint32_t room[PINS_FAMILIES], int ret_fds[PINS_FAMILIES],
			   struct err *err);

/*
 * Pins the maps @fds in place of the pinned ones, each by a rename, so that there always is a pin.
 * A family whose descriptor is -1 keeps its map. On success @pins has the new maps and @fds the old
 * ones, which the caller closes. On failure nothing has changed.
 */
int pins_swap_responders(struct pins *pins, int fds[PINS_FAMILIES], struct err *err);

#endif
