/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An aligned table on standard output, for people: a terminal gets one where a pipe gets lines. */
#ifndef XDP_L2RESP_TABLE_H
#define XDP_L2RESP_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include "err.h"

#define TABLE_MAX_COLUMNS 8
/* Widths come from so many rows at a time: a million addresses aren't kept. */
#define TABLE_ROWS 1000

struct table {
	unsigned int columns;
	size_t used; /* of cells */
	size_t width[TABLE_MAX_COLUMNS];
	char *cells[TABLE_MAX_COLUMNS * TABLE_ROWS];
};

/* A table for a reader on a terminal? */
bool table_wanted(void);

/* Begins with @titles, NULL-terminated. */
struct table *table_begin(const char *const *titles);

/* The next cell of the row, from left to right; "-" for an empty one. */
void table_cell(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints what isn't yet, and frees @table. */
void table_end(struct table *table);

#endif
