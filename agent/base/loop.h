/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An event loop that measures how long its handlers run. */
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
#define LOOP_TURN_NS 2000000ULL
bool loop_may_go_on(uint64_t begun_ns);

#endif
