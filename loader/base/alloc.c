// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <jansson.h>

#include "alloc.h"

void alloc_fail(void)
{
	dprintf(STDERR_FILENO, "%s: out of memory\n", program_invocation_short_name);
	_exit(EXIT_FAILURE);
}

static void *checked(void *at)
{
	if (!at)
		alloc_fail();
	return at;
}

void *xmalloc(size_t size)
{
	/* malloc(0) may return NULL */
	return checked(malloc(size ?: 1));
}

void *xcalloc(size_t count, size_t size)
{
	return checked(calloc(count ?: 1, size ?: 1));
}

void *xrealloc(void *at, size_t size)
{
	return checked(realloc(at, size ?: 1));
}

void *xreallocarray(void *at, size_t count, size_t size)
{
	return checked(reallocarray(at, count ?: 1, size ?: 1));
}

char *xstrdup(const char *text)
{
	return checked(strdup(text));
}

char *xstrndup(const char *text, size_t length)
{
	return checked(strndup(text, length));
}

char *xasprintf(const char *format, ...)
{
	char *text;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	return checked(text);
}

FILE *xopen_memstream(char **ret_text, size_t *ret_size)
{
	return checked(open_memstream(ret_text, ret_size));
}

void xclose_memstream(FILE *file, char **text)
{
	/* glibc's fclose() doesn't report that it got no memory for the text */
	if (ferror(file) | fclose(file) || !*text)
		alloc_fail();
}

void alloc_json(void)
{
	json_set_alloc_funcs(xmalloc, free);
}
