/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef XDP_L2RESP_BINARY_SEARCH_H
#define XDP_L2RESP_BINARY_SEARCH_H

#include <stddef.h>

/*
 * The index of the first of @count elements in ascending order that isn't less than what is looked
 * for; @count: all are. @less: is element @at less? bsearch(3) finds any of several equal ones.
 */
#define SEARCH_FIRST(at, count, less)                             \
	({                                                        \
		size_t first_ = 0, end_ = (count);                \
                                                                  \
		while (first_ < end_) {                           \
			size_t at = first_ + (end_ - first_) / 2; \
                                                                  \
			if (less)                                 \
				first_ = (at) + 1;                \
			else                                      \
				end_ = (at);                      \
		}                                                 \
		first_;                                           \
	})

#endif
