/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Larger maps of addresses in place of the pinned ones, while requests come in. */
#ifndef XDP_L2RESP_GROW_H
#define XDP_L2RESP_GROW_H

#include <stdbool.h>
#include <stddef.h>

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
 * Brings to an end what others left half-way, before anything else is done to @pins, which must be
 * locked. Pins of a network namespace that is gone are taken over; *ret_dropped: addresses lost by
 * that (device_adopt()). A growth that was killed is finished: one map may be the larger one and
 * the other not, so both grow; the program may read the older map, and go on answering for what is
 * deleted, so it is swapped wherever it does.
 */
int grow_settle(struct pins *pins, size_t *ret_dropped, struct err *err);

/* Was a growth of @pins killed? */
static inline bool grow_unfinished(const struct pins *pins)
{
	return pins->uneven || pins->unsettled;
}

#endif
