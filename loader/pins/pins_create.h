/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes the pinned maps. Only for pins.c. */
#ifndef XDP_L2RESP_PINS_CREATE_H
#define XDP_L2RESP_PINS_CREATE_H

#include <stdbool.h>
#include <stdint.h>

#include "control_object.h"
#include "err.h"
#include "pins.h"

/* Does @map begin small, and grow? */
bool pins_map_grows(enum pins_map map);

/* Writes why @path can't be used, and returns @error. */
int pins_err_access(struct err *err, int error, const char *path);

/* Creates and pins the maps that aren't there. 0, or a negative errno with @err. */
int pins_create_absent(struct pins *pins, struct control_bpf *control, uint64_t netns_cookie,
		       struct err *err);

/*
 * Pins @former's open maps again where their pins are gone, into @pins' directory, which is locked;
 * pins->restored tells which. Nothing is pinned where a pin of @former's is another map by now:
 * somebody has begun anew, or it is nobody's of ours. The map meta isn't one of them: it may be
 * what was damaged, and says nothing that isn't known.
 */
int pins_restore(struct pins *pins, const struct pins *former, struct err *err);

#endif
