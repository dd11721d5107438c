/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is measured: tables of scenarios, each a load, its sizes, and who meets it. */
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
	bool gate;	     /* for the gate: only when asked for by name */
	bool calls;	     /* whole calls are timed, too */
	/* Measured once each, with all contestants interleaved. 0 ends the list. */
	uint32_t targets[SCENARIO_MAX_SIZES];
	/* The first is what the others are compared with. */
	const struct contestant *contestants[SCENARIO_MAX_CONTESTANTS + 1];
};

/* Ends with one that has no name. */
extern const struct scenario scenarios[];

#endif
