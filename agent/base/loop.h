/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An event loop that measures how long its handlers run, and its timers. */
#ifndef XDP_L2RESPD_LOOP_H
#define XDP_L2RESPD_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "histogram.h"

/* How long each handler ran. Only the first grows if other processes take the CPU. */
struct loop_times {
	struct histogram elapsed, cpu;
};

/* As sd_event_loop(), and measures @times. */
int loop_run(sd_event *event, struct loop_times *times);

/* May a handler that began at @begun_ns (CLOCK_BOOTTIME) continue? If not, it must return, and do
 * the remaining work in the loop's next iteration. */
bool loop_may_go_on(uint64_t begun_ns);

#define LOOP_NEVER UINT64_MAX

/* Adds a timer of CLOCK_BOOTTIME that calls @handler once, after @usec, and again whenever it is
 * set. LOOP_NEVER: it is off until it is set. Errors as sd_event_add_time(). */
int loop_timer_new(sd_event *event, uint64_t usec, sd_event_time_handler_t handler, void *userdata,
		   sd_event_source **ret_timer);

/* Sets @timer to fire after @usec, or not before @when_ns. LOOP_NEVER turns it off. */
int loop_timer_after(sd_event_source *timer, uint64_t usec);
int loop_timer_at(sd_event_source *timer, uint64_t when_ns);

bool loop_timer_is_on(sd_event_source *timer);

#endif
