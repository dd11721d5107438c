// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>

#include "alloc.h"
#include "cleanup.h"
#include "remover.h"
#include "responder.h"

/* Elements per batch call. The kernel locks one bucket at a time, so only the memory matters. */
#define BATCH 16384

/* Layout of a map: a key is the address, for IPv4 its last 4 bytes, and the ifindex; a value is the
 * key, the head and the count. */
struct layout {
	const char *name;
	size_t address_skip; /* bytes of struct address that the key leaves out */
	size_t key_size;
	size_t value_size;
	size_t head_offset;
};

static const struct layout layouts[PINS_FAMILIES] = {
	[PINS_V4] = { "responder_v4", 12, sizeof(struct responder_v4_key),
		      sizeof(struct responder_v4_entry),
		      offsetof(struct responder_v4_entry, head) },
	[PINS_V6] = { "responder_v6", 0, sizeof(struct responder_v6_key),
		      sizeof(struct responder_v6_entry),
		      offsetof(struct responder_v6_entry, head) },
};

#define COUNT_FOLLOWS_HEAD(entry)                  \
	(offsetof(struct entry, responses_sent) == \
	 offsetof(struct entry, head) + sizeof(struct entry_head))
_Static_assert(COUNT_FOLLOWS_HEAD(responder_v4_entry), "");
_Static_assert(COUNT_FOLLOWS_HEAD(responder_v6_entry), "");
_Static_assert(offsetof(struct responder_v4_key, ifindex) == 4, "");
_Static_assert(offsetof(struct responder_v6_key, ifindex) == 16, "");

/* Large enough for a key or a value of either map. */
union any_key {
	struct responder_v4_key v4;
	struct responder_v6_key v6;
};

union any_value {
	struct responder_v4_entry v4;
	struct responder_v6_entry v6;
};

enum pins_family responder_family(const struct address *address)
{
	return address_is_v4(address) ? PINS_V4 : PINS_V6;
}

static void pack_key(const struct layout *layout, const struct entry_key *key, void *packed)
{
	size_t length = sizeof(key->address) - layout->address_skip;

	memcpy(packed, key->address.bytes + layout->address_skip, length);
	memcpy((char *)packed + length, &key->ifindex, sizeof(key->ifindex));
}

static void pack(const struct layout *layout, const struct entry_row *row, void *packed)
{
	char *head = (char *)packed + layout->head_offset;

	memset(packed, 0, layout->value_size);
	pack_key(layout, &row->key, packed);
	memcpy(head, &row->head, sizeof(row->head));
	memcpy(head + sizeof(row->head), &row->responses_sent, sizeof(row->responses_sent));
}

static void unpack(const struct layout *layout, const void *key, const void *packed,
		   struct entry_row *row)
{
	size_t length = sizeof(row->key.address) - layout->address_skip;
	const char *head = (const char *)packed + layout->head_offset;

	if (layout->address_skip)
		row->key.address = address_from_v4(key);
	else
		memcpy(row->key.address.bytes, key, length);
	memcpy(&row->key.ifindex, (const char *)key + length, sizeof(row->key.ifindex));
	/* we write no IPv4-mapped address into responder_v6 */
	row->damaged = memcmp(packed, key, layout->key_size) != 0 ||
		       responder_family(&row->key.address) != layout - layouts;
	memcpy(&row->head, head, sizeof(row->head));
	memcpy(&row->responses_sent, head + sizeof(row->head), sizeof(row->responses_sent));
}

struct visit {
	const struct layout *layout;
	responder_visit_fn *visit;
	void *data;
};

static int visit_packed(const void *key, const void *value, void *data, struct err *err)
{
	const struct visit *visit = data;
	struct entry_row row;

	unpack(visit->layout, key, value, &row);
	return visit->visit(&row, visit->data, err);
}

int responder_visit_some(const int fds[PINS_FAMILIES], struct responder_cursor *cursor,
			 responder_visit_fn *visit, void *data, struct err *err)
{
	enum pins_family family = cursor->family;
	struct visit packed = { &layouts[family], visit, data };
	int r = 0;

	cursor->map.ended = fds[family] < 0;
	if (!cursor->map.ended)
		r = map_visit_some(fds[family], layouts[family].name, &cursor->map, visit_packed,
				   &packed, err);
	if (cursor->map.ended)
		*cursor = (struct responder_cursor){ .family = family + 1 };
	return r;
}

int responder_visit(const int fds[PINS_FAMILIES], responder_visit_fn *visit, void *data,
		    struct err *err)
{
	struct responder_cursor cursor = {};
	int r = 0;

	while (!r && cursor.family < PINS_FAMILIES)
		r = responder_visit_some(fds, &cursor, visit, data, err);
	return r;
}

struct reading {
	struct entry_table table;
	size_t capacity;
	uint32_t ifindex; /* 0: all */
};

static int read_row(const struct entry_row *row, void *data, struct err *err)
{
	struct reading *reading = data;

	if (reading->ifindex && row->key.ifindex != reading->ifindex)
		return 0;
	entry_table_add(&reading->table, &reading->capacity, row);
	return 0;
}

static int row_compare(const void *a, const void *b)
{
	return entry_key_compare(&((const struct entry_row *)a)->key,
				 &((const struct entry_row *)b)->key);
}

int responder_read_all(const int fds[PINS_FAMILIES], uint32_t ifindex,
		       struct entry_table *ret_table, struct err *err)
{
	struct reading reading = { .ifindex = ifindex };
	struct entry_table *table = &reading.table;
	int r = responder_visit(fds, read_row, &reading, err);

	if (r < 0) {
		entry_table_free(table);
		return r;
	}
	if (table->count)
		qsort(table->rows, table->count, sizeof(*table->rows), row_compare);
	*ret_table = *table;
	return 0;
}

int responder_get(const int fds[PINS_FAMILIES], const struct entry_key *key,
		  struct entry_row *ret_row, struct err *err)
{
	enum pins_family family = responder_family(&key->address);
	const struct layout *layout = &layouts[family];
	union any_key packed_key;
	union any_value packed;

	pack_key(layout, key, &packed_key);
	if (bpf_map_lookup_elem(fds[family], &packed_key, &packed) < 0) {
		if (errno == ENOENT)
			return -ENOENT;
		return err_set(err, negative_errno(), "reading %s: %s", layout->name,
			       strerror(errno));
	}
	unpack(layout, &packed_key, &packed, ret_row);
	return 0;
}

int responder_insert(const int fds[PINS_FAMILIES], const struct entry_row *row, struct err *err)
{
	enum pins_family family = responder_family(&row->key.address);
	const struct layout *layout = &layouts[family];
	union any_key packed_key;
	union any_value packed;
	int r;

	pack_key(layout, &row->key, &packed_key);
	pack(layout, row, &packed);
	r = bpf_map_update_elem(fds[family], &packed_key, &packed, BPF_NOEXIST);
	if (r < 0 && r != -EEXIST && r != -E2BIG)
		return err_set(err, r, "writing %s: %s", layout->name, strerror(-r));
	return r;
}

/* Elements of one family's map, written in one call. */
struct batch {
	char *keys;
	char *values;
	uint32_t count;
};

struct batches {
	struct batch of[PINS_FAMILIES];
};

static void batches_free(struct batches *batches)
{
	for (int family = 0; family < PINS_FAMILIES; family++) {
		free(batches->of[family].keys);
		free(batches->of[family].values);
	}
}

static int batch_write(int fd, const struct layout *layout, struct batch *batch, struct err *err)
{
	int r = bpf_map_update_batch(fd, batch->keys, batch->values, &batch->count, NULL);

	return r < 0 ? err_set(err, r, "writing %s: %s", layout->name, strerror(-r)) : 0;
}

static void batch_append(const struct layout *layout, struct batch *batch,
			 const struct entry_row *row)
{
	if (!batch->keys) {
		batch->keys = xcalloc(BATCH, layout->key_size);
		batch->values = xcalloc(BATCH, layout->value_size);
	}
	pack_key(layout, &row->key, batch->keys + batch->count * layout->key_size);
	pack(layout, row, batch->values + batch->count * layout->value_size);
	batch->count++;
}

/* Collects the rows by family and writes them in batches. */
static int write_batches(const int fds[PINS_FAMILIES], responder_row_fn *row_of, const void *from,
			 size_t count, responder_progress_fn *progress, struct err *err)
{
	_cleanup_(batches_free) struct batches batches = {};
	size_t done = 0;
	int r = 0;

	for (size_t i = 0; i < count && !r; i++) {
		struct entry_row row = row_of(from, i);
		enum pins_family family = responder_family(&row.key.address);
		struct batch *batch = &batches.of[family];

		/* it isn't answered for, and a copy would be */
		if (row.damaged)
			continue;
		batch_append(&layouts[family], batch, &row);
		if (batch->count < BATCH)
			continue;
		r = batch_write(fds[family], &layouts[family], batch, err);
		batch->count = 0;
		done += BATCH;
		if (!r && progress && done < count)
			progress(done, count);
	}
	for (int family = 0; family < PINS_FAMILIES && !r; family++)
		if (batches.of[family].count)
			r = batch_write(fds[family], &layouts[family], &batches.of[family], err);
	if (!r && progress)
		progress(count, count);
	return r;
}

/* Removes all rows, none of which existed before, except those that the agent added meanwhile. */
static void write_undo(const int fds[PINS_FAMILIES], responder_row_fn *row_of, const void *from,
		       size_t count)
{
	_cleanup_(remover_close) struct remover remover = {};
	struct err ignored;
	int r = remover_open(fds, &remover, &ignored);

	for (size_t i = 0; i < count && !r; i++) {
		struct entry_row row = row_of(from, i), now;

		if (!responder_get(fds, &row.key, &now, &ignored) &&
		    now.head.lease == row.head.lease)
			r = remover_remove(&remover, &row.key, &ignored);
	}
}

int responder_write(const int fds[PINS_FAMILIES], responder_row_fn *row_of, const void *from,
		    size_t count, responder_progress_fn *progress, struct err *err)
{
	int r = write_batches(fds, row_of, from, count, progress, err);

	if (r < 0)
		write_undo(fds, row_of, from, count);
	return r;
}

static struct entry_row row_itself(const void *rows, size_t index)
{
	return ((const struct entry_row *)rows)[index];
}

int responder_write_table(const int fds[PINS_FAMILIES], const struct entry_table *table,
			  struct err *err)
{
	return responder_write(fds, row_itself, table->rows, table->count, NULL, err);
}
