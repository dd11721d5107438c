/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The program that explain asks: l2resp_explain, of the same source as the one that drivers run,
 * over the pinned maps. It counts nothing and reports nothing, and lives no longer than the
 * questions.
 */
#ifndef XDP_L2RESP_EXPLAIN_PROGRAM_H
#define XDP_L2RESP_EXPLAIN_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "l2resp.h"
#include "link.h"
#include "pins.h"

struct explain_program;

/* Loads it for @link in place of *program, unless that one is of @link and these maps: the kernel
 * takes tens of milliseconds to verify it. NULL: there is none yet. The caller frees *program.
 * Returns 0 or a negative errno with @err. */
int explain_program_load(const struct pins *pins, const struct link *link,
			 struct explain_program **program, struct err *err);

/* For _cleanup_(). Safe on NULL. */
void explain_program_free(struct explain_program **program);

/* Is the attached program @prog_id another build than this one? Not said of one that is gone. */
bool explain_program_differs(const struct explain_program *program, uint32_t prog_id);

/*
 * Runs it on the @length bytes (at least 14, or the kernel refuses them) of @frame. @out has room
 * for *length_out bytes; it gets the frame as the program leaves it, a reply where
 * outcome_is_answer(), and *length_out is its length. *ret_outcome is OUTCOME_COUNT for a frame
 * that the program doesn't look at. Returns 0 or a negative errno.
 */
int explain_program_run(const struct explain_program *program, const void *frame, size_t length,
			enum outcome *ret_outcome, void *out, size_t *length_out);

#endif
