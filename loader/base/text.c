// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "cleanup.h"
#include "text.h"

/* Returns the length of a UTF-8 character that begins with @first; 0: none does. */
static size_t character_length(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc0)
		return 0;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

void text_vprintf(char *text, size_t size, const char *format, va_list args)
{
	size_t begin = size - 1;

	if (vsnprintf(text, size, format, args) < (int)size)
		return;
	/* find the beginning of the last character */
	while (begin) {
		begin--;
		if (((unsigned char)text[begin] & 0xc0) != 0x80)
			break;
	}
	if (begin + character_length(text[begin]) > size - 1)
		text[begin] = '\0';
}

static bool is_utf8(const char *text, size_t length)
{
	json_t *string;

	if (length == 1)
		return !(*text & 0x80);
	string = length ? json_stringn(text, length) : NULL;
	json_decref(string);
	return string;
}

/* True if the UTF-8 character at @at is safe on a terminal and in a log: not a control (C0, DEL,
 * C1), a line separator, or a character that changes the text direction. */
static bool is_plain(const unsigned char *at, size_t length)
{
	uint32_t code = length == 2   ? (at[0] & 0x1f) << 6 | (at[1] & 0x3f)
			: length == 3 ? (at[0] & 0xf) << 12 | (at[1] & 0x3f) << 6 | (at[2] & 0x3f)
				      : at[0];

	return code >= 0x20 && (code < 0x7f || code > 0x9f) && (code < 0x200e || code > 0x200f) &&
	       (code < 0x2028 || code > 0x202e) && (code < 0x2066 || code > 0x2069);
}

size_t text_character(const char *text)
{
	size_t length = strnlen(text, character_length(*text));

	return is_utf8(text, length) ? length : 0;
}

void text_escape(char *escaped, size_t size, const char *text)
{
	size_t used = 0;

	while (*text) {
		/* check ASCII first: a listing may have a hundred million characters */
		bool ascii = *text >= ' ' && *text < 0x7f;
		size_t length = ascii ? 1 : text_character(text);
		bool plain = ascii || (length && is_plain((const unsigned char *)text, length));
		size_t room = plain ? length : strlen("\\xff");

		if (used + room >= size)
			break;
		if (plain)
			memcpy(escaped + used, text, length);
		else
			sprintf(escaped + used, "\\x%02x", (unsigned char)*text);
		used += room;
		text += plain ? length : 1;
	}
	escaped[used] = '\0';
}

void text_print(FILE *file, const char *format, ...)
{
	_cleanup_free_ char *text = NULL, *plain = NULL;
	size_t length, newlines = 0;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		alloc_fail();
	va_end(args);
	length = strlen(text);
	while (length && text[length - 1] == '\n') {
		text[--length] = '\0';
		newlines++;
	}
	plain = xmalloc(TEXT_ESCAPED_SIZE(length));
	text_escape(plain, TEXT_ESCAPED_SIZE(length), text);
	fputs(plain, file);
	while (newlines--)
		fputc('\n', file);
}

json_t *text_json(const char *text)
{
	json_t *whole = json_string(text);
	_cleanup_free_ char *escaped = NULL;
	size_t used = 0;

	if (whole)
		return whole;
	escaped = xcalloc(strlen(text) + 1, sizeof("\\xff"));
	while (*text) {
		size_t length = text_character(text);

		if (length) {
			memcpy(escaped + used, text, length);
			used += length;
			text += length;
		} else {
			used += sprintf(escaped + used, "\\x%02x", (unsigned char)*text++);
		}
	}
	return json_string(escaped);
}

bool text_json_asked(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--json") || !strcmp(argv[i], "-j"))
			return true;
	return false;
}

void text_print_error(const char *program, const char *text, bool json, json_t *lines)
{
	json_t *object;

	if (!json) {
		size_t size = TEXT_ESCAPED_SIZE(strlen(text));
		_cleanup_free_ char *plain = xmalloc(size);

		text_escape(plain, size, text);
		fprintf(stderr, "%s: %s\n", program, plain);
		return;
	}
	object = json_pack("{s:o}", "error", text_json(text));
	if (lines)
		json_object_set(object, "lines", lines);
	json_dumpf(object, stderr, 0);
	fputc('\n', stderr);
	json_decref(object);
}
