/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef XDP_L2RESP_CLOCK_H
#define XDP_L2RESP_CLOCK_H

#include <stdint.h>
#include <time.h>

/* CLOCK_BOOTTIME in nanoseconds: goes on while the machine sleeps, and nobody sets it. */
static inline uint64_t clock_boot_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * UINT64_C(1000000000) + now.tv_nsec;
}

#endif
