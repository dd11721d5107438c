// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "edit_distance.h"
#include "suggest.h"

#define MAX_EDITS 2

void suggest_consider(struct suggestion *suggestion, const char *word)
{
	unsigned int edits = edit_distance(suggestion->typed, word);

	/* for a short word, two edits make a different word */
	if (edits > MAX_EDITS || (size_t)edits * 3 > strlen(suggestion->typed) + 1)
		return;
	if (!suggestion->word || edits < suggestion->edits) {
		suggestion->word = word;
		suggestion->edits = edits;
	}
}
