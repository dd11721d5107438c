// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>

#include "alloc.h"
#include "binary_search.h"
#include "cleanup.h"
#include "conflict.h"
#include "link.h"

void conflict_table_free(struct conflict_table *table)
{
	free(table->rows);
	*table = (struct conflict_table){};
}

static int row_compare(const void *a, const void *b)
{
	const struct conflict_key *left = &((const struct conflict_row *)a)->key;
	const struct conflict_key *right = &((const struct conflict_row *)b)->key;

	if (left->ifindex != right->ifindex)
		return left->ifindex < right->ifindex ? -1 : 1;
	return memcmp(left->address, right->address, sizeof(left->address));
}

/* Removes conflicts with this host's other interfaces on the same LAN: the data path knows only the
 * entry's MAC, and records them. */
static int drop_own(struct conflict_table *table, struct err *err)
{
	struct ifaddrs *all;
	size_t kept = 0;

	if (!table->count)
		return 0;
	if (getifaddrs(&all) < 0)
		return err_set(err, negative_errno(), "listing the interfaces: %s",
			       strerror(errno));
	for (size_t i = 0; i < table->count; i++)
		if (!link_with_mac(all, table->rows[i].key.mac))
			table->rows[kept++] = table->rows[i];
	table->count = kept;
	freeifaddrs(all);
	return 0;
}

int conflict_read_all(const struct pins *pins, struct conflict_table *ret_table, struct err *err)
{
	_cleanup_free_ struct conflict_key *keys = NULL;
	_cleanup_free_ struct conflict *values = NULL;
	struct bpf_map_info info = {};
	uint32_t cursor, count, size = sizeof(info);
	struct conflict_row *rows;
	int r = bpf_obj_get_info_by_fd(pins->maps.fd[MAPS_CONFLICTS], &info, &size);

	if (r < 0)
		return err_set(err, negative_errno(), "reading conflicts: %s", strerror(errno));
	count = info.max_entries;
	keys = xcalloc(count, sizeof(*keys));
	values = xcalloc(count, sizeof(*values));
	/* in one call: bpf_map_get_next_key() starts over if the LRU evicts the current key */
	r = bpf_map_lookup_batch(pins->maps.fd[MAPS_CONFLICTS], NULL, &cursor, keys, values, &count,
				 NULL);
	if (r < 0 && r != -ENOENT)
		return err_set(err, r, "reading conflicts: %s", strerror(-r));
	rows = xcalloc(count + 1, sizeof(*rows));
	for (uint32_t i = 0; i < count; i++)
		rows[i] = (struct conflict_row){ keys[i], values[i] };
	qsort(rows, count, sizeof(*rows), row_compare);
	*ret_table = (struct conflict_table){ rows, count };
	r = drop_own(ret_table, err);
	if (r < 0)
		conflict_table_free(ret_table);
	return r;
}

uint64_t conflict_count(const struct conflict_table *table, const struct entry_key *key)
{
	struct conflict_row key_row = { .key = { .ifindex = key->ifindex } };
	uint64_t sum = 0;
	size_t first;

	memcpy(key_row.key.address, key->address.bytes, sizeof(key_row.key.address));
	first = SEARCH_FIRST(at, table->count, row_compare(&table->rows[at], &key_row) < 0);
	for (; first < table->count && !row_compare(&table->rows[first], &key_row); first++)
		sum += table->rows[first].value.count;
	return sum;
}
