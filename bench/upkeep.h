/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Measures the command's time and the kernel's memory for many addresses. */
#ifndef XDP_L2RESP_BENCH_UPKEEP_H
#define XDP_L2RESP_BENCH_UPKEEP_H

#include <stdint.h>

#include "err.h"
#include "spread.h"

#define UPKEEP_MAX_ROUNDS 9

struct upkeep {
	uint32_t addresses;
	struct spread import_s; /* into an empty map */
	struct spread list_s;
	struct spread flush_s;
	double bytes_an_address; /* memory of a full map of addresses, per address */
};

/* Ends with 0. */
extern const uint32_t upkeep_sizes[];

/* Runs each step @rounds times, at most UPKEEP_MAX_ROUNDS. Returns 0 or a negative errno with @err.
 */
int upkeep_measure(uint32_t addresses, unsigned int rounds, struct upkeep *ret_upkeep,
		   struct err *err);

#endif
