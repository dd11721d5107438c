// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

/* Is standard error the stream that systemd.exec(5) says the journal reads? */
static bool journal_reads(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	uintmax_t device, inode;
	struct stat st;

	return stream && sscanf(stream, "%ju:%ju", &device, &inode) == 2 &&
	       !fstat(STDERR_FILENO, &st) && st.st_dev == device && st.st_ino == inode;
}

static void say(int priority, const char *format, va_list args)
{
	char text[1400], prefix[8] = "";

	vsnprintf(text, sizeof(text), format, args);
	/* a line is a record: names in files may hold anything */
	for (char *at = text; *at; at++)
		if ((unsigned char)*at < 0x20)
			*at = '?';
	if (journal_reads())
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
