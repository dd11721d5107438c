// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "edit_distance.h"
#include "spelling.h"

bool spelling_similar(const char *text, const char *word)
{
	size_t allowed = strlen(word) / 8;

	return edit_distance(text, word) <= (allowed ?: 1);
}
