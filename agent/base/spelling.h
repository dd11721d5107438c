/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds words that are probably misspelt. */
#ifndef XDP_L2RESPD_SPELLING_H
#define XDP_L2RESPD_SPELLING_H

#include <stdbool.h>

/* Is @text probably @word, misspelt? It may differ by one edit per eight letters, at least one: a
 * letter inserted, deleted, replaced, or two swapped. Case is ignored. */
bool spelling_similar(const char *text, const char *word);

#endif
