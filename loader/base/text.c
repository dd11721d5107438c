// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "cleanup.h"
#include "text.h"

/* Bytes of the UTF-8 character that begins with @first; 0: none does. */
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
	/* the beginning of the last character */
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
	json_t *string = length ? json_stringn(text, length) : NULL;

	json_decref(string);
	return string;
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
		size_t length = strnlen(text, character_length(*text));

		if (is_utf8(text, length)) {
			memcpy(escaped + used, text, length);
			used += length;
			text += length;
		} else {
			used += sprintf(escaped + used, "\\x%02x", (unsigned char)*text++);
		}
	}
	return json_string(escaped);
}
