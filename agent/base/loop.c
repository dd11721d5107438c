// SPDX-License-Identifier: GPL-2.0-or-later
#include "clock.h"
#include "loop.h"

#define TURN_NS 2000000ULL

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
	return clock_boot_ns() - begun_ns < TURN_NS;
}

static int turn_on(sd_event_source *timer, bool on)
{
	return sd_event_source_set_enabled(timer, on ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

int loop_timer_new(sd_event *event, uint64_t usec, sd_event_time_handler_t handler, void *userdata,
		   sd_event_source **ret_timer)
{
	bool on = usec != LOOP_NEVER;
	int r = sd_event_add_time_relative(event, ret_timer, CLOCK_BOOTTIME, on ? usec : 0, 1,
					   handler, userdata);

	return r < 0 ? r : turn_on(*ret_timer, on);
}

int loop_timer_after(sd_event_source *timer, uint64_t usec)
{
	int r = usec == LOOP_NEVER ? 0 : sd_event_source_set_time_relative(timer, usec);

	return r < 0 ? r : turn_on(timer, usec != LOOP_NEVER);
}

int loop_timer_at(sd_event_source *timer, uint64_t when_ns)
{
	/* rounded up, since timers of older kernels may fire a moment early */
	int r = when_ns == LOOP_NEVER ? 0 : sd_event_source_set_time(timer, when_ns / 1000 + 1);

	return r < 0 ? r : turn_on(timer, when_ns != LOOP_NEVER);
}

bool loop_timer_is_on(sd_event_source *timer)
{
	return sd_event_source_get_enabled(timer, NULL) > 0;
}
