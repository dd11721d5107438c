/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Larger maps of addresses in place of the pinned ones, while requests come in. */
#ifndef XDP_L2RESP_GROW_H
#define XDP_L2RESP_GROW_H

#include "err.h"
#include "pins.h"

/*
 * Makes room for @max_entries addresses of each family, at least as many as @pins hold: fills new
 * maps, pins them in the old ones' place, swaps the program on every interface that it runs on, and
 * adds the answers that were counted in the old maps meanwhile. @pins must be locked, and hold the
 * new maps afterwards. On failure the old maps are pinned and in use again.
 */
int grow_responders(struct pins *pins, uint32_t max_entries, struct err *err);

/*
 * Finishes a growth that was killed half-way. One map may be the larger one and the other not:
 * grows both. The program may read the older map, and go on answering for what is deleted: swaps it
 * wherever it does. Nothing to do is 0. @pins must be locked.
 */
int grow_finish(struct pins *pins, struct err *err);

#endif
