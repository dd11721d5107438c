// SPDX-License-Identifier: GPL-2.0-or-later
#include "clock.h"
#include "loop.h"

int loop_run(sd_event *event, struct loop_times *times)
{
	int code = 0, r = 0;

	while (sd_event_get_state(event) != SD_EVENT_FINISHED) {
		uint64_t begun_ns, begun_cpu_ns;

		/* as sd_event_run(), with the dispatch measured */
		r = sd_event_prepare(event);
		if (!r)
			r = sd_event_wait(event, UINT64_MAX);
		if (r < 0)
			return r;
		if (!r)
			continue;
		begun_ns = clock_boot_ns();
		begun_cpu_ns = clock_thread_cpu_ns();
		r = sd_event_dispatch(event);
		if (r < 0)
			return r;
		histogram_note(&times->elapsed, clock_boot_ns() - begun_ns);
		histogram_note(&times->cpu, clock_thread_cpu_ns() - begun_cpu_ns);
	}
	r = sd_event_get_exit_code(event, &code);
	return r < 0 ? r : code;
}

bool loop_may_go_on(uint64_t begun_ns)
{
	return clock_boot_ns() - begun_ns < LOOP_TURN_NS;
}
