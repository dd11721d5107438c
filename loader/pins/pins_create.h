/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Creates the pinned maps. Only for pins_open.c. */
#ifndef XDP_L2RESP_PINS_CREATE_H
#define XDP_L2RESP_PINS_CREATE_H

#include <stdbool.h>
#include <stdint.h>

#include "control_object.h"
#include "err.h"
#include "pins.h"

/* True if @map is created small, and grows. */
bool pins_map_grows(enum maps_index map);

/* Creates and pins the missing maps. Returns 0 or a negative errno with @err. */
int pins_create_absent(struct pins *pins, struct control_bpf *control, uint64_t netns_cookie,
		       struct err *err);

/*
 * Pins @former's open maps again if their pins are gone, into @pins' directory, which is locked;
 * pins->restored: which. Pins nothing if another map is pinned in place of one of them: somebody
 * has started over, or the pin isn't ours. Skips the map meta: it may be the damaged one, and its
 * content is known.
 */
int pins_restore(struct pins *pins, const struct pins *former, struct err *err);

#endif
