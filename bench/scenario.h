/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The scenarios: each a load, its sizes, and its contestants. */
#ifndef XDP_L2RESP_BENCH_SCENARIO_H
#define XDP_L2RESP_BENCH_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>

#include "contestant.h"

#define SCENARIO_MAX_CONTESTANTS 8
#define SCENARIO_MAX_SIZES	 8

struct scenario {
	const char *name;
	const char *text;
	enum load_kind kind;
	bool skb_mode;
	unsigned int queues; /* of the veth pairs; 0: 1 */
	bool quick;	     /* part of --quick */
	bool gate;	     /* for the gate: runs only if named */
	bool calls;	     /* whole calls are timed, too */
	/* Measured once each, with all contestants interleaved. 0 ends the list. */
	uint32_t targets[SCENARIO_MAX_SIZES];
	/* The others are compared with the first. */
	const struct contestant *contestants[SCENARIO_MAX_CONTESTANTS + 1];
};

/* The last one has no name. */
extern const struct scenario scenarios[];

#endif
