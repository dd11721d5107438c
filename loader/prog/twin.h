/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The twin of the program on an interface: l2resp_explain over the same maps, pinned beside them as
 * explain_<ifindex>. It says of a frame what the program would do with it, and changes nothing.
 */
#ifndef XDP_L2RESP_TWIN_H
#define XDP_L2RESP_TWIN_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "l2resp.h"
#include "pins.h"

/*
 * Runs the twin @fd on the @length bytes (at least 14, or the kernel refuses them) of @frame.
 * @out has room for *length_out bytes; it gets the frame as the program leaves it, a reply where
 * twin_answers(), and *length_out is its length. *ret_outcome is OUTCOME_COUNT for a frame that the
 * program doesn't look at. Returns 0 or a negative errno.
 */
int twin_run(int fd, const void *frame, size_t length, enum outcome *ret_outcome, void *out,
	     size_t *length_out);

/* Is @outcome one of a frame that was answered? */
bool twin_answers(enum outcome outcome);

/*
 * Pins the loaded twin @fd of @ifindex beside the one there, which twin_place() replaces with it at
 * once, or twin_discard() takes away again. @pins must be locked. Errors with @err.
 */
int twin_pin(const struct pins *pins, unsigned int ifindex, int fd, struct err *err);

/* Where the kernel refuses, none is left: better than one that reads older maps. Twins of
 * interfaces that are gone go too. */
void twin_place(const struct pins *pins, unsigned int ifindex);
void twin_discard(const struct pins *pins, unsigned int ifindex);

/* The pinned twin of @ifindex: a descriptor that the caller closes. -ENOENT without a message where
 * none is pinned; other errors with @err. */
int twin_open(const struct pins *pins, unsigned int ifindex, struct err *err);

/* Removes the pin of @ifindex' twin, if there is one. */
void twin_remove(const struct pins *pins, unsigned int ifindex);

#endif
