/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef XDP_L2RESP_EDIT_DISTANCE_H
#define XDP_L2RESP_EDIT_DISTANCE_H

#define EDIT_DISTANCE_MAX_LENGTH 63

/*
 * Returns the number of edits from @a to @b, ignoring case: insertions, deletions, substitutions
 * and swaps of neighbours (optimal string alignment). UINT_MAX: a word is longer than
 * EDIT_DISTANCE_MAX_LENGTH.
 */
unsigned int edit_distance(const char *a, const char *b);

#endif
