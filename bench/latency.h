/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Measures the latency of one answer, from the requester's send() to its recv(). */
#ifndef XDP_L2RESP_BENCH_LATENCY_H
#define XDP_L2RESP_BENCH_LATENCY_H

#include "contestant.h"
#include "err.h"

struct latency {
	const struct contestant *contestant;
	unsigned int samples;
	double median_us;
	double p99_us;
	int error; /* 0, or why it couldn't be measured: a negative errno and a sentence */
	struct err err;
};

/* The measured contestants, ended by NULL. */
extern const struct contestant *const latency_contestants[];

void latency_measure(const struct contestant *contestant, unsigned int samples,
		     struct latency *ret_latency);

#endif
