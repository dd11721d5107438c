// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "suggest.h"

#define MAX_EDITS 2

static unsigned int smaller(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* Characters to insert, delete, replace, or swap with their neighbour. Both words are at most
 * SUGGEST_MAX_LENGTH long. */
static unsigned int edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	/* of the first i of a and the first j of b, for this i and the two before */
	unsigned int rows[3][SUGGEST_MAX_LENGTH + 1];

	for (size_t i = 0; i <= a_length; i++) {
		unsigned int *row = rows[i % 3], *before = rows[(i + 2) % 3];

		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			if (!i) {
				row[j] = j;
				continue;
			}
			row[j] = smaller(before[j - 1] + (a[i - 1] != b[j - 1]),
					 smaller(before[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = smaller(row[j], rows[(i + 1) % 3][j - 2] + 1);
		}
	}
	return rows[a_length % 3][b_length];
}

void suggest_consider(struct suggestion *suggestion, const char *word)
{
	size_t typed = strlen(suggestion->typed), length = strlen(word);
	unsigned int edits;

	if (typed > SUGGEST_MAX_LENGTH || length > SUGGEST_MAX_LENGTH)
		return;
	edits = edit_distance(suggestion->typed, typed, word, length);
	/* a short word that is edited twice is another word */
	if (edits > MAX_EDITS || edits * 3 > typed + 1)
		return;
	if (!suggestion->word || edits < suggestion->edits) {
		suggestion->word = word;
		suggestion->edits = edits;
	}
}
