// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <string.h>

#include "spelling.h"

#define WORD_MAX 63

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The optimal string alignment distance, by the usual table: edits[i][j] for the first i letters of
 * @a and the first j of @b. */
static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	unsigned char edits[WORD_MAX + 1][WORD_MAX + 1];

	for (size_t i = 0; i <= a_length; i++)
		for (size_t j = 0; j <= b_length; j++) {
			size_t fewest = i + j;

			if (i && j) {
				fewest = edits[i - 1][j - 1] + !same(a[i - 1], b[j - 1]);
				fewest = least(fewest, edits[i - 1][j] + 1U);
				fewest = least(fewest, edits[i][j - 1] + 1U);
			}
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
				fewest = least(fewest, edits[i - 2][j - 2] + 1U);
			edits[i][j] = fewest;
		}
	return edits[a_length][b_length];
}

bool spelling_similar(const char *text, const char *word)
{
	size_t length = strlen(word), given = strnlen(text, WORD_MAX + 1);
	size_t allowed = length / 8 + !(length / 8);

	if (length > WORD_MAX || given > WORD_MAX)
		return false;
	return distance(text, given, word, length) <= allowed;
}
