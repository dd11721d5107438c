/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Takes over the pins of a network namespace that is gone. */
#ifndef XDP_L2RESP_ADOPT_H
#define XDP_L2RESP_ADOPT_H

#include "err.h"
#include "filter.h"
#include "pins.h"

/*
 * If @pins are of a network namespace that is gone, takes them over, with a @note. Interface
 * numbers mean other interfaces here, so addresses move to the interface of the same name, and are
 * dropped if there is none. @pins must be locked. Returns 0 or a negative errno with @err.
 */
int adopt_pins(struct pins *pins, filter_note_fn *note, struct err *err);

#endif
