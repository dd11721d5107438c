/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An event loop that knows how long its handlers ran. */
#ifndef XDP_L2RESPD_LOOP_H
#define XDP_L2RESPD_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "histogram.h"

/* How long each handler ran. A busy machine adds to the first, but not to the second. */
struct loop_times {
	struct histogram elapsed, cpu;
};

/* As sd_event_loop(), and notes @times. */
int loop_run(sd_event *event, struct loop_times *times);

/* May a handler that began at @begun_ns (CLOCK_BOOTTIME) go on? Who has more to do comes back for
 * it in the loop's next turn. */
#define LOOP_TURN_NS 2000000ULL
bool loop_may_go_on(uint64_t begun_ns);

#endif
