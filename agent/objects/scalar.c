// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "scalar.h"

/* Plain scalars that aren't strings, as in kubectl's parser. */
static const struct {
	const char *text;
	json_type type;
} words[] = {
	{ "", JSON_NULL },	 { "~", JSON_NULL },   { "null", JSON_NULL },
	{ "true", JSON_TRUE },	 { "yes", JSON_TRUE }, { "on", JSON_TRUE },
	{ "false", JSON_FALSE }, { "no", JSON_FALSE }, { "off", JSON_FALSE },
};

/* YAML allows "word", "Word" and "WORD". */
static bool word_equals(const char *text, const char *word)
{
	size_t length = strlen(word), upper = 0;

	if (strcasecmp(text, word) != 0)
		return false;
	for (size_t i = 0; i < length; i++)
		upper += isupper((unsigned char)text[i]) != 0;
	return !upper || upper == length || (upper == 1 && isupper((unsigned char)text[0]));
}

static json_t *integer(const char *text)
{
	const char *digits = text + (*text == '-' || *text == '+');
	char *end;
	long long value;

	if (!isdigit((unsigned char)*digits))
		return NULL;
	errno = 0;
	if (digits[0] == '0' && (digits[1] == 'o' || digits[1] == 'b')) {
		if (!isdigit((unsigned char)digits[2]))
			return NULL;
		value = strtoll(digits + 2, &end, digits[1] == 'o' ? 8 : 2);
		value = *text == '-' ? -value : value;
	} else {
		value = strtoll(text, &end, 0);
	}
	return *end || errno ? NULL : json_integer(value);
}

static json_t *real(const char *text)
{
	char *end;
	double value;

	/* strtod() accepts more than YAML: hexadecimal, infinity, not-a-number */
	if (text[strspn(text, "+-.0123456789eE")] || !strpbrk(text, "0123456789"))
		return NULL;
	value = strtod(text, &end);
	return *end || !isfinite(value) ? NULL : json_real(value);
}

json_t *scalar_value(const char *text)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (word_equals(text, words[i].text))
			return words[i].type == JSON_NULL
				       ? json_null()
				       : json_boolean(words[i].type == JSON_TRUE);
	return integer(text) ?: real(text);
}
