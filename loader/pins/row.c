// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "row.h"

void entry_table_free(struct entry_table *table)
{
	free(table->rows);
	*table = (struct entry_table){};
}

int entry_key_compare(const struct entry_key *a, const struct entry_key *b)
{
	if (a->ifindex != b->ifindex)
		return a->ifindex < b->ifindex ? -1 : 1;
	return address_compare(&a->address, &b->address);
}

struct control_key row_control_key(const struct entry_key *key)
{
	struct control_key packed = { .ifindex = key->ifindex };

	memcpy(packed.address, key->address.bytes, sizeof(packed.address));
	return packed;
}

void entry_table_add(struct entry_table *table, size_t *capacity, const struct entry_row *row)
{
	ALLOC_GROW(table->rows, table->count, *capacity);
	table->rows[table->count++] = *row;
}
