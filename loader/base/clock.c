// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "clock.h"

#define NEAR_NS	  UINT64_C(1000000)
#define MOST_READ 100

int64_t clock_boot_to_wall_ns(void)
{
	uint64_t before, after, nearest = UINT64_MAX;
	struct timespec wall;
	int64_t found = 0;

	/* this process may be held up between two reads of a clock */
	for (int i = 0; i < MOST_READ && nearest > NEAR_NS; i++) {
		before = clock_boot_ns();
		clock_gettime(CLOCK_REALTIME, &wall);
		after = clock_boot_ns();
		if (after - before >= nearest)
			continue;
		nearest = after - before;
		found = (int64_t)(wall.tv_sec * CLOCK_NS_PER_S + wall.tv_nsec - before);
	}
	return found;
}

const char *clock_format(const struct timespec *when, unsigned int digits,
			 char text[CLOCK_TEXT_SIZE])
{
	char date[24], fraction[16];
	struct tm tm;

	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", gmtime_r(&when->tv_sec, &tm));
	snprintf(fraction, sizeof(fraction), ".%09ld", when->tv_nsec);
	snprintf(text, CLOCK_TEXT_SIZE, "%s%.*sZ", date, digits ? (int)digits + 1 : 0, fraction);
	return text;
}

const char *clock_format_now(unsigned int digits, char text[CLOCK_TEXT_SIZE])
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return clock_format(&now, digits, text);
}
