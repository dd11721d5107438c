// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "err.h"
#include "text.h"

void err_write(struct err *err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	text_vprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
}

void err_add(struct err *err, const char *format, ...)
{
	size_t used = strlen(err->text);
	va_list args;

	va_start(args, format);
	text_vprintf(err->text + used, sizeof(err->text) - used, format, args);
	va_end(args);
}

int err_stdout(struct err *err)
{
	bool failed_before = ferror(stdout);
	int r;

	if (!fflush(stdout) && !failed_before)
		return 0;
	r = negative_errno();
	return err_set(err, r, "writing the output: %s", strerror(-r));
}
