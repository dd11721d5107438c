/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An event loop that knows how long its handlers ran. */
#ifndef XDP_L2RESPD_LOOP_H
#define XDP_L2RESPD_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "histogram.h"

/* As sd_event_loop(), and notes in @times how long each handler ran. */
int loop_run(sd_event *event, struct histogram *times);

/* May a handler that began at @begun_ns (CLOCK_BOOTTIME) go on? Who has more to do comes back for
 * it in the loop's next turn. */
#define LOOP_TURN_NS 2000000ULL
bool loop_may_go_on(uint64_t begun_ns);

#endif
