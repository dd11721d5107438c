/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Median and spread of a few rounds. */
#ifndef XDP_L2RESP_BENCH_SPREAD_H
#define XDP_L2RESP_BENCH_SPREAD_H

#include <stdbool.h>
#include <stddef.h>

struct spread {
	double median;
	double min;
	double max;
	double low; /* lower and upper quartile */
	double high;
};

/* Computes the spread of @count values, at least one; sorts a copy. */
struct spread spread_of(const double *values, size_t count);

/* Quartiles further apart than this share of the median: what was measured isn't the program alone.
 */
#define SPREAD_WIDE 0.10
bool spread_wide(const struct spread *spread);

#endif
