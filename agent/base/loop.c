// SPDX-License-Identifier: GPL-2.0-or-later
#include "clock.h"
#include "loop.h"

#define MS 1000000ULL

const uint64_t loop_bounds_ns[LOOP_BOUNDS] = { MS / 10,	 MS,	   2 * MS,    5 * MS,
					       10 * MS,	 20 * MS,  50 * MS,   100 * MS,
					       200 * MS, 500 * MS, 1000 * MS, 5000 * MS };

static void note(struct loop_times *times, uint64_t ns)
{
	unsigned int bucket = 0;

	while (bucket < LOOP_BOUNDS && ns > loop_bounds_ns[bucket])
		bucket++;
	atomic_fetch_add_explicit(&times->count[bucket], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&times->total_ns, ns, memory_order_relaxed);
}

int loop_run(sd_event *event, struct loop_times *times)
{
	int code = 0, r = 0;

	while (sd_event_get_state(event) != SD_EVENT_FINISHED) {
		uint64_t begun_ns;

		/* as sd_event_run() does it, with a clock around what is dispatched */
		r = sd_event_prepare(event);
		if (!r)
			r = sd_event_wait(event, UINT64_MAX);
		if (r < 0)
			return r;
		if (!r)
			continue;
		begun_ns = clock_boot_ns();
		r = sd_event_dispatch(event);
		if (r < 0)
			return r;
		note(times, clock_boot_ns() - begun_ns);
	}
	r = sd_event_get_exit_code(event, &code);
	return r < 0 ? r : code;
}

bool loop_may_go_on(uint64_t begun_ns)
{
	return clock_boot_ns() - begun_ns < LOOP_TURN_NS;
}
