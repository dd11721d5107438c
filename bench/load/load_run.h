/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The load of one lane: what is sent, what is expected back, and how many of each there were. */
#ifndef XDP_L2RESP_BENCH_LOAD_RUN_H
#define XDP_L2RESP_BENCH_LOAD_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "frames.h"
#include "lane.h"

struct load_result {
	uint64_t sent;
	uint64_t asked;
	uint64_t received; /* by the device under test; the others never reached it */
	uint64_t right;
	uint64_t wrong;
	uint64_t duplicates; /* answers beyond the requests received */
	double seconds;	     /* wall time, from the first frame to the last */
	/* CPU time of it, of all CPUs: on a machine that others use too it is less than the wall's,
	 * and what it gives per second doesn't depend on them so much */
	double cpu_seconds;
	double call_seconds; /* wall time of the call, with what the kernel does before and after */
};

struct load;

/* Adds @more up in @sum. */
void load_result_add(struct load_result *sum, const struct load_result *more);

/* Frames that never reached the device under test, and requests that did and weren't answered. */
uint64_t load_result_lost_load(const struct load_result *result);
uint64_t load_result_lost_answers(const struct load_result *result);

/* Loads generator and sink and puts the sink where it belongs. */
int load_open(const struct lane *lane, const struct load_options *options, struct load **ret_load,
	      struct err *err);
void load_close(struct load *load);

/*
 * Asks for each target in sequence, and again for all while some weren't answered: every one of
 * them must be, with the right bytes, and none more often than it was asked for. -EBADMSG with @err
 * otherwise. Without targets: what is sent comes through unchanged.
 */
int load_prove(const struct lane *lane, const struct load_options *options, struct err *err);

/* Sends from @cpus CPUs, the first ones that this process may use, for about @seconds, or for as
 * long as a sensible number of frames takes. */
int load_run(struct load *load, unsigned int cpus, double seconds, struct load_result *ret_result,
	     struct err *err);

/*
 * Sends LOAD_CALL_FRAMES frames from one CPU as a plain harness would: in one BPF_PROG_RUN call of
 * a program that is attached nowhere. What counts of @ret_result is call_seconds. The load is slow
 * from then on.
 */
#define LOAD_CALL_FRAMES (1 << 17)
int load_run_call(struct load *load, struct load_result *ret_result, struct err *err);

/* CPU time in ns of a run of program @prog_id on a frame of this load, of millions one after the
 * other; 0 if it can't be run. It mustn't change the frame. */
double load_run_alone(const struct load *load, uint32_t prog_id);

/* Number of CPUs that this process may use. */
unsigned int load_cpus_available(void);

#endif
