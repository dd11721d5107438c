/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A rate limit: a burst, and then one per interval. */
#ifndef XDP_L2RESPD_RATE_H
#define XDP_L2RESPD_RATE_H

#include <stdint.h>

struct rate {
	uint64_t interval_ns;
	unsigned int burst;
};

/* When the next one is allowed, given @spent_ns, which rate_spend() keeps. */
static inline uint64_t rate_due(const struct rate *rate, uint64_t spent_ns)
{
	uint64_t credit_ns = (rate->burst - 1) * rate->interval_ns;

	return spent_ns > credit_ns ? spent_ns - credit_ns : 0;
}

static inline void rate_spend(const struct rate *rate, uint64_t *spent_ns, uint64_t now_ns)
{
	*spent_ns = (*spent_ns > now_ns ? *spent_ns : now_ns) + rate->interval_ns;
}

#endif
