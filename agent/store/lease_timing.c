// SPDX-License-Identifier: GPL-2.0-or-later
#include "clock.h"
#include "record.h"

#define NS_PER_MS UINT64_C(1000000)

uint64_t lease_margin_ns(uint64_t duration_ns)
{
	uint64_t share = duration_ns / 20;

	return share > 50 * NS_PER_MS ? share : 50 * NS_PER_MS;
}

static int duration_check(enum store_engine engine, uint64_t duration_ns, struct err *err)
{
	if (duration_ns > RECORD_DURATION_MAX_MS * NS_PER_MS)
		return err_set(err, -EINVAL, "the lease's duration must be at most an hour");
	if (engine == STORE_ENGINE_KUBERNETES && (!duration_ns || duration_ns % CLOCK_NS_PER_S))
		return err_set(err, -EINVAL,
			       "with the engine kubernetes the lease's duration must be whole "
			       "seconds, at least one");
	if (duration_ns < RECORD_DURATION_MIN_MS * NS_PER_MS ||
	    duration_ns % (RECORD_DURATION_STEP_MS * NS_PER_MS))
		return err_set(err, -EINVAL,
			       "the lease's duration must be at least %d ms, in steps of %d ms",
			       RECORD_DURATION_MIN_MS, RECORD_DURATION_STEP_MS);
	return 0;
}

int lease_timing_check(enum store_engine engine, const struct lease_timing *timing, struct err *err)
{
	uint64_t margin = lease_margin_ns(timing->duration_ns);
	int r = duration_check(engine, timing->duration_ns, err);

	if (r < 0)
		return r;
	if (!timing->retry_period_ns || timing->renew_deadline_ns > timing->duration_ns ||
	    timing->retry_period_ns > timing->duration_ns ||
	    6 * timing->retry_period_ns >= 5 * timing->renew_deadline_ns ||
	    timing->renew_deadline_ns >= timing->duration_ns - margin)
		return err_set(err, -EINVAL,
			       "unsafe lease timing: 1.2 * retryPeriod (%llu ms) must be less than "
			       "renewDeadline (%llu ms), and that less than duration - margin "
			       "(%llu ms - %llu ms)",
			       (unsigned long long)(timing->retry_period_ns / NS_PER_MS),
			       (unsigned long long)(timing->renew_deadline_ns / NS_PER_MS),
			       (unsigned long long)(timing->duration_ns / NS_PER_MS),
			       (unsigned long long)(margin / NS_PER_MS));
	return 0;
}
