// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

static void say(int priority, const char *format, va_list args)
{
	char text[1400], prefix[8] = "";

	vsnprintf(text, sizeof(text), format, args);
	/* a line is a record: names in files may hold anything */
	for (char *at = text; *at; at++)
		if ((unsigned char)*at < 0x20)
			*at = '?';
	if (!isatty(STDERR_FILENO))
		snprintf(prefix, sizeof(prefix), "<%d>", priority);
	fprintf(stderr, "%s%s%s\n", prefix, *prefix ? "" : "xdp-l2respd: ", text);
}

void log_say(int priority, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(priority, format, args);
	va_end(args);
}

void log_warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(LOG_WARNING, format, args);
	va_end(args);
}
