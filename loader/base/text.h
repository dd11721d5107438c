/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text with words of others in it: the name of an interface may be any bytes, JSON is UTF-8. */
#ifndef XDP_L2RESP_TEXT_H
#define XDP_L2RESP_TEXT_H

#include <stdarg.h>
#include <stddef.h>
#include <jansson.h>

/* vsnprintf(), but what doesn't fit is cut off between characters. */
void text_vprintf(char *text, size_t size, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

/* @text as a JSON string, a new reference. Bytes that aren't UTF-8 become "\xff" and the like. */
json_t *text_json(const char *text);

#endif
