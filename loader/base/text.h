/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text with words of others in it, for each format that it is shown in: names of interfaces may
 * have any bytes, and so may what a store answers. */
#ifndef XDP_L2RESP_TEXT_H
#define XDP_L2RESP_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <jansson.h>

/* vsnprintf(), but what doesn't fit is cut off between characters. */
void text_vprintf(char *text, size_t size, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

/* Room for what text_escape() makes of @length bytes. */
#define TEXT_ESCAPED_SIZE(length) (4 * (length) + 1)

/* @text for a line of a log or a terminal: bytes of control characters, and those that aren't
 * UTF-8, become "\x1b" and the like. What doesn't fit into @size is cut off between characters. */
void text_escape(char *escaped, size_t size, const char *text);

/* fprintf() of text for people: what text_escape() makes of it, but for newlines at its end. */
void text_print(FILE *file, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What is wrong, on stderr: "PROGRAM: TEXT", escaped; with @json an object with "error" and, unless
 * that is NULL, "lines". */
void text_print_error(const char *program, const char *text, bool json, json_t *lines);

/* @text as a JSON string, a new reference. Bytes that aren't UTF-8 become "\xff" and the like. */
json_t *text_json(const char *text);

#endif
