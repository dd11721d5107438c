// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>

#include "conflict.h"

void conflict_table_free(struct conflict_table *table)
{
	free(table->rows);
	*table = (struct conflict_table){};
}

int conflict_read_all(const struct pins *pins, struct conflict_table *ret_table, struct err *err)
{
	struct conflict_table table = { .rows = calloc(L2RESP_MAX_CONFLICTS, sizeof(*table.rows)) };
	struct conflict_key key, *previous = NULL;

	if (!table.rows)
		return err_set(err, -ENOMEM, "out of memory");
	while (table.count < L2RESP_MAX_CONFLICTS &&
	       !bpf_map_get_next_key(pins->fd[PINS_CONFLICTS], previous, &key)) {
		struct conflict_row *row = &table.rows[table.count];

		/* forgotten between the two calls: not there any more */
		if (!bpf_map_lookup_elem(pins->fd[PINS_CONFLICTS], &key, &row->value)) {
			row->key = key;
			table.count++;
		}
		previous = &key;
	}
	*ret_table = table;
	return 0;
}

uint64_t conflict_count(const struct conflict_table *table, __be32 ip4, uint32_t ifindex)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < table->count; i++)
		if (table->rows[i].key.ifindex == ifindex &&
		    !memcmp(&table->rows[i].key.address[12], &ip4, sizeof(ip4)))
			sum += table->rows[i].value.count;
	return sum;
}
