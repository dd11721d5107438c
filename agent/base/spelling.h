/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words that are probably meant to be another. */
#ifndef XDP_L2RESPD_SPELLING_H
#define XDP_L2RESPD_SPELLING_H

#include <stdbool.h>

/* Does @text become @word with so few edits (a letter more, less or another, or two swapped,
 * whatever their case) that it is probably meant? One edit in eight letters, and one at least. */
bool spelling_similar(const char *text, const char *word);

#endif
