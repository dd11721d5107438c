// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "clock.h"

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
