/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Measures one size of one scenario: every contestant has its own lane, and they take turns. */
#ifndef XDP_L2RESP_BENCH_POINT_H
#define XDP_L2RESP_BENCH_POINT_H

#include <stdint.h>

#include "err.h"
#include "load_run.h"
#include "scenario.h"
#include "spread.h"

#define POINT_MAX_ROUNDS 64

struct pace {
	unsigned int rounds;
	double round_seconds;
	uint32_t pktgen; /* as in struct load_options */
	bool smoke;	 /* only check the answers */
};

/* The program's run time by the kernel's clock, in a separate pass, since that halves the rate. */
struct program_cost {
	double run_ns;		/* 0: not known */
	struct spread alone_ns; /* without any device, and without reading clocks; 0: not known */
	uint32_t xlated_bytes;
	uint32_t jited_bytes;
	uint32_t verified_insns;
};

enum standing_state {
	STANDING_MEASURED,
	STANDING_SKIPPED, /* can't run on this machine */
	STANDING_FAILED,  /* wrong answers, or none */
};

/* A contestant's results. */
struct standing {
	const struct contestant *contestant;
	enum standing_state state;
	struct err err; /* why it was skipped or failed */
	unsigned int rounds;
	double rates[POINT_MAX_ROUNDS];	    /* right answers, or frames passed, per second */
	double cpu_rates[POINT_MAX_ROUNDS]; /* per second of each CPU's time */
	unsigned int calls;
	double call_rates[POINT_MAX_ROUNDS]; /* per second of whole calls */
	struct spread rate, cpu_rate;
	/* Ratio to the first contestant's rate in the same round, by wall time and CPU time. */
	struct spread ratio, cpu_ratio;
	struct spread call_rate, call_ratio; /* if calls were timed */
	struct load_result total;
	struct program_cost program;
};

struct point {
	const struct scenario *scenario;
	uint32_t targets;
	unsigned int count;
	struct standing standings[SCENARIO_MAX_CONTESTANTS];
};

/* Called to show progress. */
typedef void point_progress_fn(const struct point *point, const char *doing);

/*
 * Measures @scenario with @targets addresses. The standing of contestants that can't run here, or
 * answer wrongly, has the reason.
 */
void point_measure(const struct scenario *scenario, uint32_t targets, const struct pace *pace,
		   point_progress_fn *progress, struct point *ret_point);

#endif
