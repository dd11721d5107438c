/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The outcome counters, summed over CPUs. */
#ifndef XDP_L2RESP_COUNTS_H
#define XDP_L2RESP_COUNTS_H

#include "err.h"
#include "l2resp.h"
#include "pins.h"

/* Reads the counts of an interface's slot, since the interface was recorded. Returns 0 or a
 * negative errno with @err. */
int counts_read(const struct pins *pins, uint32_t counters_slot, struct outcome_counts *ret_counts,
		struct err *err);

const char *counts_outcome_name(enum outcome outcome);
const char *counts_outcome_text(enum outcome outcome);

#endif
