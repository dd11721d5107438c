// SPDX-License-Identifier: GPL-2.0-or-later
#include <stddef.h>
#include <string.h>

#include "name.h"

#define LABEL_MAX     63
#define SUBDOMAIN_MAX 253

#define LOWER_CASE "abcdefghijklmnopqrstuvwxyz0123456789"
#define ANY_CASE   LOWER_CASE "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* Are there 1 to @max characters, all in @ends or, except for the first and last, in @within? */
static bool is_name(const char *text, size_t length, size_t max, const char *ends,
		    const char *within)
{
	for (size_t i = 0; i < length; i++)
		if (!strchr(ends, text[i]) &&
		    (i == 0 || i == length - 1 || !strchr(within, text[i])))
			return false;
	return length && length <= max;
}

/* Checks @length bytes of @text. */
static bool is_subdomain(const char *text, size_t length)
{
	const char *end = text + length;

	if (length > SUBDOMAIN_MAX)
		return false;
	for (;;) {
		const char *dot = memchr(text, '.', end - text);

		if (!is_name(text, (dot ?: end) - text, SUBDOMAIN_MAX, LOWER_CASE, "-"))
			return false;
		if (!dot)
			return true;
		text = dot + 1;
	}
}

bool name_is_label(const char *text)
{
	return is_name(text, strlen(text), LABEL_MAX, LOWER_CASE, "-");
}

bool name_is_subdomain(const char *text)
{
	return is_subdomain(text, strlen(text));
}

bool name_is_value(const char *text)
{
	return !*text || is_name(text, strlen(text), LABEL_MAX, ANY_CASE, "-_.");
}

bool name_is_key(const char *text)
{
	const char *slash = strchr(text, '/'), *name = slash ? slash + 1 : text;

	return *name && name_is_value(name) && (!slash || is_subdomain(text, slash - text));
}
