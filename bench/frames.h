/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The frames of each load, and the answers to them, as bytes. */
#ifndef XDP_L2RESP_BENCH_FRAMES_H
#define XDP_L2RESP_BENCH_FRAMES_H

#include <stdbool.h>

#include "lane.h"
#include "load.h"
#include "load_run.h"

/* How many different frames a load of @kind sends in turns: a power of two. */
unsigned int frames_template_count(enum load_kind kind);

/* Number @which of them, that in its last byte; *ret_asks: its target is for the generator to fill
 * in. */
struct load_frame frames_template(const struct lane *lane, enum load_kind kind, unsigned int which,
				  bool *ret_asks);

/* The answer to @request, but for the target in it. */
struct load_frame frames_answer(const struct lane *lane, const struct load_options *options,
				const struct load_frame *request);

#endif
