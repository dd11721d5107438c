/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The load of one lane: sent frames, expected answers, and their counts. */
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
	uint64_t received; /* by the device under test; the other frames were lost before */
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

/* Adds @more to @sum. */
void load_result_add(struct load_result *sum, const struct load_result *more);

/* Frames that never reached the device under test, and requests that did and weren't answered. */
uint64_t load_result_lost_load(const struct load_result *result);
uint64_t load_result_lost_answers(const struct load_result *result);

/* Loads generator and sink, and attaches the sink. */
int load_open(const struct lane *lane, const struct load_options *options, struct load **ret_load,
	      struct err *err);
void load_close(struct load *load);

/*
 * Requests each target in sequence, and all again while some weren't answered. Each must be
 * answered with the right bytes, and not more often than it was requested; else -EBADMSG with @err.
 * For a load without targets: checks that frames pass unchanged.
 */
int load_prove(const struct lane *lane, const struct load_options *options, struct err *err);

/* Sends from the first @cpus CPUs that this process may use, for about @seconds, or longer if that
 * allows too few frames. */
int load_run(struct load *load, unsigned int cpus, double seconds, struct load_result *ret_result,
	     struct err *err);

/*
 * Sends LOAD_CALL_FRAMES frames from one CPU as a plain harness does: in one BPF_PROG_RUN call of a
 * program that isn't attached. Only call_seconds of @ret_result matters. The load is slow
 * afterwards.
 */
#define LOAD_CALL_FRAMES (1 << 17)
int load_run_call(struct load *load, struct load_result *ret_result, struct err *err);

/* Returns the CPU time, in ns, of one run of program @prog_id on a frame of this load, the average
 * of millions; 0 if it can't be run. The program mustn't change the frame. */
double load_run_alone(const struct load *load, uint32_t prog_id);

/* Returns the number of CPUs that this process may use. */
unsigned int load_cpus_available(void);

#endif
