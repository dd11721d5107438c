/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A larger map of addresses in place of the pinned one, while requests come in. */
#ifndef XDP_L2RESP_GROW_H
#define XDP_L2RESP_GROW_H

#include "err.h"
#include "pins.h"

/*
 * Makes room for @max_entries addresses, more than @pins hold: fills a new map, pins it in the old
 * one's place, swaps the program on every interface that it runs on, and adds the answers that were
 * counted in the old map meanwhile. @pins must be locked, and hold the new map afterwards. On
 * failure the old map is pinned and in use again.
 */
int grow_responder(struct pins *pins, uint32_t max_entries, struct err *err);

/*
 * Swaps the program wherever it reads another map of addresses than the pinned one, since a growth
 * was killed half-way: until then it goes on answering for what is deleted. Nothing to do is 0.
 * @pins must be locked.
 */
int grow_finish(const struct pins *pins, struct err *err);

#endif
