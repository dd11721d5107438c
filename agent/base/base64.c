// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *bytes, size_t length)
{
	char *text = xmalloc(4 * ((length + 2) / 3) + 1), *to = text;
	const uint8_t *from = bytes;

	for (; length; length -= length < 3 ? length : 3, from += 3) {
		uint32_t group = from[0] << 16 | (length > 1 ? from[1] << 8 : 0) |
				 (length > 2 ? from[2] : 0);

		*to++ = digits[group >> 18];
		*to++ = digits[group >> 12 & 63];
		*to++ = length > 1 ? digits[group >> 6 & 63] : '=';
		*to++ = length > 2 ? digits[group & 63] : '=';
	}
	*to = '\0';
	return text;
}

int base64_decode(const char *text, char **ret_bytes, size_t *ret_length)
{
	size_t length = strlen(text), padding = 0, count = 0;
	uint32_t group = 0;
	char *bytes;

	if (length % 4)
		return -EINVAL;
	while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
		padding++;
	bytes = xmalloc(length / 4 * 3 + 1);
	for (size_t i = 0; i < length; i++) {
		const char *digit = i < length - padding ? strchr(digits, text[i]) : digits;

		if (!digit) {
			free(bytes);
			return -EINVAL;
		}
		group = group << 6 | (uint32_t)(digit - digits);
		if (i % 4 != 3)
			continue;
		bytes[count++] = (char)(group >> 16);
		bytes[count++] = (char)(group >> 8);
		bytes[count++] = (char)group;
	}
	count -= padding;
	bytes[count] = '\0';
	*ret_bytes = bytes;
	*ret_length = count;
	return 0;
}
