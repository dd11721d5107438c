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

#define CLOCK_TEXT_SIZE 40

/* @when of CLOCK_REALTIME as RFC 3339 has it, in UTC, with @digits of the second's fraction. For
 * people and for fields of others: nothing here compares such times. */
const char *clock_format(const struct timespec *when, unsigned int digits,
			 char text[CLOCK_TEXT_SIZE]);

/* The same for this moment. */
const char *clock_format_now(unsigned int digits, char text[CLOCK_TEXT_SIZE]);

/* CPU time of the calling thread. */
static inline uint64_t clock_thread_cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * UINT64_C(1000000000) + now.tv_nsec;
}

#endif
