/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An event loop that knows how long its handlers ran. */
#ifndef XDP_L2RESPD_LOOP_H
#define XDP_L2RESPD_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#define LOOP_BOUNDS 12

/* Upper bounds of the histogram's buckets, in ns. */
extern const uint64_t loop_bounds_ns[LOOP_BOUNDS];

/* Written by the loop's thread, read by any. */
struct loop_times {
	_Atomic uint64_t
		count[LOOP_BOUNDS + 1]; /* of handlers in each bucket; the last has no bound */
	_Atomic uint64_t total_ns;
};

/* As sd_event_loop(), and notes in @times how long each handler ran. */
int loop_run(sd_event *event, struct loop_times *times);

/* May a handler that began at @begun_ns (CLOCK_BOOTTIME) go on? Who has more to do comes back for
 * it in the loop's next turn. */
#define LOOP_TURN_NS 2000000ULL
bool loop_may_go_on(uint64_t begun_ns);

#endif
