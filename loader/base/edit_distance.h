/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef XDP_L2RESP_EDIT_DISTANCE_H
#define XDP_L2RESP_EDIT_DISTANCE_H

#define EDIT_DISTANCE_MAX_LENGTH 63

/*
 * How many edits make @b of @a: a character more, less or another, or two neighbours swapped
 * (optimal string alignment), whatever their case. UINT_MAX where a word is longer.
 */
unsigned int edit_distance(const char *a, const char *b);

#endif
