// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "spread.h"

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return left < right ? -1 : left > right;
}

/* Between neighbours, in proportion (Hyndman and Fan 1996, type 7). */
static double quantile(const double *sorted, size_t count, double share)
{
	double at = share * (double)(count - 1);
	size_t below = (size_t)at;

	if (below + 1 >= count)
		return sorted[count - 1];
	return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

struct spread spread_of(const double *values, size_t count)
{
	_cleanup_free_ double *sorted = calloc(count, sizeof(*sorted));

	if (!sorted)
		return (struct spread){};
	memcpy(sorted, values, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), compare);
	return (struct spread){
		.median = quantile(sorted, count, 0.5),
		.min = sorted[0],
		.max = sorted[count - 1],
		.low = quantile(sorted, count, 0.25),
		.high = quantile(sorted, count, 0.75),
	};
}

bool spread_wide(const struct spread *spread)
{
	return spread->high - spread->low > SPREAD_WIDE * spread->median;
}
