/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The program that explain runs: l2resp_explain, built from the same source as the attached one,
 * over the pinned maps. It doesn't count or trace, and is unloaded after the last question.
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

/* Loads the program for @link and replaces *program (NULL: none yet) by it. Keeps *program if it
 * is for @link and the same maps, since verifying takes tens of milliseconds. The caller frees
 * *program. Returns 0 or a negative errno with @err. */
int explain_program_load(const struct pins *pins, const struct link *link,
			 struct explain_program **program, struct err *err);

/* For _cleanup_(). Safe on NULL. */
void explain_program_free(struct explain_program **program);

/* True if the attached program @prog_id is another build than this one; false if it is gone. */
bool explain_program_differs(const struct explain_program *program, uint32_t prog_id);

/*
 * Runs the program on @frame, @length bytes (the kernel requires 14). @out, *length_out bytes, gets
 * the frame that the program leaves, *length_out its length: the reply if
 * outcome_is_answer(*ret_outcome). *ret_outcome is OUTCOME_COUNT if the frame is neither ARP nor
 * ND. Returns 0 or a negative errno.
 */
int explain_program_run(const struct explain_program *program, const void *frame, size_t length,
			enum outcome *ret_outcome, void *out, size_t *length_out);

#endif
