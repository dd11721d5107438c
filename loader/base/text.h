/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Escapes text from outside for terminals, logs and JSON: interface names and a store's answers may
 * have any bytes. */
#ifndef XDP_L2RESP_TEXT_H
#define XDP_L2RESP_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <jansson.h>

/* vsnprintf() that truncates between UTF-8 characters. */
void text_vprintf(char *text, size_t size, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

/* The length of the UTF-8 character that @text begins with; 0: there is none. */
size_t text_character(const char *text);

/* Room for the result of text_escape() of @length bytes. */
#define TEXT_ESCAPED_SIZE(length) (4 * (length) + 1)

/* Escapes @text for a terminal or a log line: bytes of control characters and bytes that aren't
 * UTF-8 become "\x1b" and the like. Truncates to @size between characters. */
void text_escape(char *escaped, size_t size, const char *text);

/* fprintf() with text_escape(), which leaves newlines at the end as they are. */
void text_print(FILE *file, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints an error on stderr: "PROGRAM: TEXT", escaped; with @json, an object with "error" and,
 * unless
 * @lines is NULL, "lines". */
void text_print_error(const char *program, const char *text, bool json, json_t *lines);

/* Looks for --json before the arguments are parsed, so that parse errors are printed as JSON, too.
 */
bool text_json_asked(int argc, char **argv);

/* Returns @text as a JSON string, a new reference. Bytes that aren't UTF-8 become "\xff" and the
 * like. */
json_t *text_json(const char *text);

#endif
