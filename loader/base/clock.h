/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef XDP_L2RESP_CLOCK_H
#define XDP_L2RESP_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_NS_PER_S UINT64_C(1000000000)

/* CLOCK_BOOTTIME in nanoseconds: also runs during suspend, and can't be set. */
static inline uint64_t clock_boot_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * CLOCK_NS_PER_S + now.tv_nsec;
}

/* What must be added to CLOCK_BOOTTIME to get the present CLOCK_REALTIME, in nanoseconds. */
int64_t clock_boot_to_wall_ns(void);

#define CLOCK_TEXT_SIZE 40

/* Formats @when, CLOCK_REALTIME, as RFC 3339 in UTC, with @digits of the second's fraction. Only
 * for output: no code compares such times. */
const char *clock_format(const struct timespec *when, unsigned int digits,
			 char text[CLOCK_TEXT_SIZE]);

/* clock_format() of the current time. */
const char *clock_format_now(unsigned int digits, char text[CLOCK_TEXT_SIZE]);

/* CPU time of the calling thread. */
static inline uint64_t clock_thread_cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * CLOCK_NS_PER_S + now.tv_nsec;
}

#endif
