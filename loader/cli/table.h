/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An aligned table on standard output, used if that is a terminal. */
#ifndef XDP_L2RESP_TABLE_H
#define XDP_L2RESP_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include "err.h"

#define TABLE_MAX_COLUMNS 8
/* Column widths are computed from as many rows at a time, so that not all rows need memory. */
#define TABLE_ROWS 1000

struct table {
	unsigned int columns;
	size_t used; /* of cells */
	size_t width[TABLE_MAX_COLUMNS];
	char *cells[TABLE_MAX_COLUMNS * TABLE_ROWS];
};

/* True if standard output is a terminal. */
bool table_wanted(void);

/* Begins a table with @titles, NULL-terminated. */
struct table *table_begin(const char *const *titles);

/* Adds the row's next cell, from left to right; "-" if it is empty. */
void table_cell(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints the rows that weren't printed yet, and frees @table. */
void table_end(struct table *table);

#endif
