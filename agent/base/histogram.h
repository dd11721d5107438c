/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A histogram of durations, as Prometheus has them. */
#ifndef XDP_L2RESPD_HISTOGRAM_H
#define XDP_L2RESPD_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

#define HISTOGRAM_BOUNDS 12

/* Upper bounds of the buckets, in ns. */
extern const uint64_t histogram_bounds_ns[HISTOGRAM_BOUNDS];

/* One thread writes it, any thread may read it. */
struct histogram {
	_Atomic uint64_t count[HISTOGRAM_BOUNDS + 1]; /* in each bucket; the last has no bound */
	_Atomic uint64_t total_ns;
};

void histogram_note(struct histogram *histogram, uint64_t ns);

#endif
