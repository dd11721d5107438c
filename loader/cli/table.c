// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "cleanup.h"
#include "table.h"
#include "text.h"

bool table_wanted(void)
{
	return isatty(STDOUT_FILENO);
}

static void table_flush(struct table *table)
{
	for (size_t i = 0; i < table->used; i++) {
		size_t length = strlen(table->cells[i]);

		if (length > table->width[i % table->columns])
			table->width[i % table->columns] = length;
	}
	for (size_t i = 0; i < table->used; i++) {
		size_t column = i % table->columns;

		if (column + 1 == table->columns)
			puts(table->cells[i]);
		else
			printf("%-*s  ", (int)table->width[column], table->cells[i]);
		free(table->cells[i]);
	}
	table->used = 0;
}

struct table *table_begin(const char *const *titles)
{
	struct table *table = xcalloc(1, sizeof(*table));

	while (titles[table->columns])
		table->columns++;
	for (unsigned int i = 0; i < table->columns; i++)
		table_cell(table, "%s", titles[i]);
	return table;
}

void table_cell(struct table *table, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		alloc_fail();
	va_end(args);
	size = TEXT_ESCAPED_SIZE(strlen(text)) + 1;
	table->cells[table->used] = xmalloc(size);
	text_escape(table->cells[table->used++], size, *text ? text : "-");
	if (table->used == (size_t)table->columns * TABLE_ROWS)
		table_flush(table);
}

void table_end(struct table *table)
{
	bool untouched = !table->width[0];

	/* print complete rows only, and no titles without rows */
	while (table->used % table->columns || (untouched && table->used == table->columns))
		free(table->cells[--table->used]);
	table_flush(table);
	free(table);
}
