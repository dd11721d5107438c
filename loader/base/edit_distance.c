// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "edit_distance.h"

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static unsigned int smaller(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

unsigned int edit_distance(const char *a, const char *b)
{
	size_t a_length = strnlen(a, EDIT_DISTANCE_MAX_LENGTH + 1),
	       b_length = strnlen(b, EDIT_DISTANCE_MAX_LENGTH + 1);
	/* edits[i][j]: from the first i characters of a to the first j of b */
	unsigned int edits[EDIT_DISTANCE_MAX_LENGTH + 1][EDIT_DISTANCE_MAX_LENGTH + 1];

	if (a_length > EDIT_DISTANCE_MAX_LENGTH || b_length > EDIT_DISTANCE_MAX_LENGTH)
		return UINT_MAX;
	for (size_t i = 0; i <= a_length; i++)
		for (size_t j = 0; j <= b_length; j++) {
			unsigned int fewest = i + j;

			if (i && j)
				fewest = smaller(edits[i - 1][j - 1] + !same(a[i - 1], b[j - 1]),
						 smaller(edits[i - 1][j], edits[i][j - 1]) + 1);
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
				fewest = smaller(fewest, edits[i - 2][j - 2] + 1);
			edits[i][j] = fewest;
		}
	return edits[a_length][b_length];
}
