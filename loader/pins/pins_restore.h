/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pins that somebody removed. Only for pins_open.c. */
#ifndef XDP_L2RESP_PINS_RESTORE_H
#define XDP_L2RESP_PINS_RESTORE_H

#include "err.h"
#include "pins.h"

/*
 * Pins @former's open maps again where their pins are gone, into @pins' directory, which is locked;
 * pins->restored tells which. Nothing is pinned where a pin of @former's is another map by now:
 * somebody has begun anew, or it is nobody's of ours. The map meta isn't one of them: it may be
 * what was damaged, and says nothing that isn't known.
 */
int pins_restore(struct pins *pins, const struct pins *former, struct err *err);

#endif
