// SPDX-License-Identifier: GPL-2.0-or-later
#include "histogram.h"

#define MS 1000000ULL

const uint64_t histogram_bounds_ns[HISTOGRAM_BOUNDS] = { MS / 10,  MS,	     2 * MS,	5 * MS,
							 10 * MS,  20 * MS,  50 * MS,	100 * MS,
							 200 * MS, 500 * MS, 1000 * MS, 5000 * MS };

void histogram_note(struct histogram *histogram, uint64_t ns)
{
	unsigned int bucket = 0;

	while (bucket < HISTOGRAM_BOUNDS && ns > histogram_bounds_ns[bucket])
		bucket++;
	atomic_fetch_add_explicit(&histogram->count[bucket], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&histogram->total_ns, ns, memory_order_relaxed);
}
