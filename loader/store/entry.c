// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "boot_clock.h"
#include "cleanup.h"
#include "entry.h"
#include "grow.h"
#include "lease_stamp.h"
#include "remover.h"

int entry_read_all(const struct pins *pins, uint32_t ifindex, struct entry_table *ret_table,
		   struct err *err)
{
	return responder_read_all(pins_responders(pins), ifindex, ret_table, err);
}

int entry_get(const struct pins *pins, const struct entry_key *key, struct entry_row *ret_row,
	      struct err *err)
{
	return responder_get(pins_responders(pins), key, ret_row, err);
}

bool entry_mac_stale(const struct entry_row *row, const uint8_t mac[ETH_ALEN])
{
	return !row->damaged && !(row->head.flags & ENTRY_MAC_FIXED) &&
	       memcmp(row->head.mac, mac, ETH_ALEN) != 0;
}

int entry_lease_remaining(const struct pins *pins, uint8_t slot, uint64_t *ret_ms, struct err *err)
{
	uint64_t deadline_ns, now_ns = boot_clock_ns();
	int r;

	*ret_ms = UINT64_MAX;
	if (slot == L2RESP_LEASE_FOREVER)
		return 0;
	r = lease_stamp_read(pins->maps.fd[MAPS_LEASES], slot, &deadline_ns, err);
	if (!r)
		*ret_ms = deadline_ns > now_ns ? (deadline_ns - now_ns) / 1000000 : 0;
	return r;
}

static int wanted_compare(const void *a, const void *b)
{
	const struct entry_wanted *left = a, *right = b;
	int order = entry_key_compare(&left->key, &right->key);

	if (order)
		return order;
	return left->line < right->line ? -1 : left->line > right->line;
}

static void err_address(struct err *err, const struct entry_wanted *wanted)
{
	char ip[INET6_ADDRSTRLEN], line[32] = "";

	if (wanted->line)
		snprintf(line, sizeof(line), "line %u: ", wanted->line);
	err_write(err, "%s%s ", line, address_format(&wanted->key.address, ip));
}

/* The value -EEXIST; @err: "[line N: ]ADDR " and the message. */
#define err_exists(err, wanted, ...)       \
	({                                 \
		err_address(err, wanted);  \
		err_add(err, __VA_ARGS__); \
		-EEXIST;                   \
	})

static const char *override_text(const struct entry_head *head)
{
	return head->flags & ENTRY_NO_OVERRIDE ? "off" : "on";
}

enum difference { DIFFERENCE_NONE, DIFFERENCE_OVERRIDE, DIFFERENCE_MAC };

static enum difference head_difference(const struct entry_head *a, const struct entry_head *b)
{
	if ((a->flags ^ b->flags) & ENTRY_NO_OVERRIDE)
		return DIFFERENCE_OVERRIDE;
	/* two that follow the device's MAC are equal, even if it changed in between */
	if (!((a->flags | b->flags) & ENTRY_MAC_FIXED) || !memcmp(a->mac, b->mac, ETH_ALEN))
		return DIFFERENCE_NONE;
	return DIFFERENCE_MAC;
}

/* Compares @wanted with the existing entry's @head. Returns 0 if they agree, -EEXIST with @err if
 * not, or entry_lease_remaining()'s errors. */
static int check_existing(const struct pins *pins, const struct entry_wanted *wanted,
			  const struct entry_head *head, struct err *err)
{
	char mac[MAC_TEXT_SIZE];
	uint64_t remaining_ms;
	int r = entry_lease_remaining(pins, head->lease, &remaining_ms, err);

	if (r < 0)
		return r;
	if (!remaining_ms)
		return err_exists(err, wanted,
				  "belongs to an agent whose lease has expired; delete it with "
				  "`xdp-l2resp del` or `flush` first");
	if (head->lease != L2RESP_LEASE_FOREVER)
		return err_exists(err, wanted,
				  "is announced by the agent; change its policy instead");
	switch (head_difference(&wanted->head, head)) {
	case DIFFERENCE_OVERRIDE:
		return err_exists(err, wanted, "exists already with override flag: %s",
				  override_text(head));
	case DIFFERENCE_MAC:
		return err_exists(err, wanted, "exists already with another MAC: %s",
				  mac_format(head->mac, mac));
	case DIFFERENCE_NONE:
		break;
	}
	return 0;
}

/* Compares @wanted with @first, an earlier addition of the same address: 0 or -EEXIST with @err. */
static int check_repeated(const struct entry_wanted *wanted, const struct entry_wanted *first,
			  struct err *err)
{
	char mac[MAC_TEXT_SIZE];

	switch (head_difference(&wanted->head, &first->head)) {
	case DIFFERENCE_OVERRIDE:
		return err_exists(err, wanted, "is given twice, first with override flag: %s",
				  override_text(&first->head));
	case DIFFERENCE_MAC:
		return err_exists(err, wanted, "is given twice, first with another MAC: %s",
				  mac_format(first->head.mac, mac));
	case DIFFERENCE_NONE:
		break;
	}
	return 0;
}

static struct entry_row row_of_wanted(const void *from, size_t index)
{
	const struct entry_wanted *wanted = (const struct entry_wanted *)from + index;

	return (struct entry_row){ .key = wanted->key, .head = wanted->head };
}

static const char *family_name(enum pins_family family)
{
	return family == PINS_V4 ? "IPv4" : "IPv6";
}

/* Enlarges the full map of @family. */
static int make_room_for_one(struct pins *pins, enum pins_family family, struct err *ret_warning,
			     struct err *err)
{
	size_t count[PINS_FAMILIES] = { pins->room[PINS_V4], pins->room[PINS_V6] };
	uint32_t room[PINS_FAMILIES];

	count[family]++;
	if (count[family] > pins->max_entries)
		return err_set(err, -ENOSPC, "the map is full: %u %s addresses" ENTRY_MORE_ROOM,
			       pins->max_entries, family_name(family));
	return grow_needed(pins, count, room) ? grow_responders(pins, room, ret_warning, err) : 0;
}

static int add_one(struct pins *pins, const struct entry_wanted *wanted, struct entry_added *added,
		   struct err *err)
{
	struct entry_row row = row_of_wanted(wanted, 0), existing;
	bool present, again, mended = false;
	int r;

	/* the agent adds and deletes entries without the lock, also between two steps of this */
	do {
		r = responder_insert(pins_responders(pins), &row, err);
		present = r == -EEXIST;
		again = false;
		if (r == -E2BIG) {
			r = make_room_for_one(pins, responder_family(&wanted->key.address),
					      &added->warning, err);
			again = !r;
		} else if (present) {
			r = entry_get(pins, &wanted->key, &existing, err);
			again = r == -ENOENT;
		}
		if (present && !r && existing.damaged && mended)
			return err_exists(err, wanted,
					  "exists already, is damaged, and can't be removed");
		if (present && !r && existing.damaged) {
			mended = true;
			r = remover_remove_table(pins_responders(pins),
						 &(struct entry_table){ &row, 1 }, err);
			again = !r;
		}
	} while (again);
	if (present && !r)
		r = check_existing(pins, wanted, &existing.head, err);
	added->present = !r && present;
	added->added = !r && !present;
	return r;
}

static void wanted_sort(struct entry_wanted *wanted, size_t count)
{
	size_t i = 1;

	/* skip the sort if it is sorted already, as files written by `save` are */
	while (i < count && wanted_compare(&wanted[i - 1], &wanted[i]) <= 0)
		i++;
	if (i < count)
		qsort(wanted, count, sizeof(*wanted), wanted_compare);
}

int entry_unrepeat(struct entry_wanted *wanted, size_t *count, struct err *err)
{
	size_t kept = 0;

	wanted_sort(wanted, *count);
	for (size_t i = 0; i < *count; i++) {
		int r;

		if (!kept || entry_key_compare(&wanted[kept - 1].key, &wanted[i].key)) {
			wanted[kept++] = wanted[i];
			continue;
		}
		r = check_repeated(&wanted[i], &wanted[kept - 1], err);
		if (r < 0)
			return r;
	}
	*count = kept;
	return 0;
}

/* Removes existing entries from @wanted, which is sorted; *ret_count are left. */
static int wanted_reduce(const struct pins *pins, struct entry_wanted *wanted, size_t count,
			 const struct entry_table *existing, size_t *ret_count, struct err *err)
{
	size_t kept = 0, row = 0;
	int r;

	for (size_t i = 0; i < count; i++) {
		int order = -1;

		while (row < existing->count &&
		       (order = entry_key_compare(&existing->rows[row].key, &wanted[i].key)) < 0)
			row++;
		if (row < existing->count && !order && !existing->rows[row].damaged) {
			r = check_existing(pins, &wanted[i], &existing->rows[row].head, err);
			if (r < 0)
				return r;
			continue;
		}
		wanted[kept++] = wanted[i];
	}
	*ret_count = kept;
	return 0;
}

/* Makes the maps large enough for @wanted and the @existing entries. */
static int make_room(struct pins *pins, const struct entry_wanted *wanted, size_t count,
		     const struct entry_table *existing, struct err *ret_warning, struct err *err)
{
	size_t more[PINS_FAMILIES] = {}, used[PINS_FAMILIES] = {}, all[PINS_FAMILIES];
	uint32_t room[PINS_FAMILIES];

	for (size_t i = 0; i < count; i++)
		more[responder_family(&wanted[i].key.address)]++;
	for (size_t i = 0; i < existing->count; i++) {
		const struct entry_row *row = &existing->rows[i];

		used[responder_family(&row->key.address)]++;
		/* it may be an IPv4 address among the IPv6 ones */
		used[PINS_V6] += row->damaged && address_is_v4(&row->key.address);
	}
	for (enum pins_family family = 0; family < PINS_FAMILIES; family++) {
		all[family] = used[family] + more[family];
		if (more[family] && all[family] > pins->max_entries)
			return err_set(err, -ENOSPC,
				       "%zu %s addresses are more than the free room: there may be "
				       "%u, %zu are there" ENTRY_MORE_ROOM,
				       more[family], family_name(family), pins->max_entries,
				       used[family]);
	}
	return grow_needed(pins, all, room) ? grow_responders(pins, room, ret_warning, err) : 0;
}

int entry_add(struct pins *pins, struct entry_wanted *wanted, size_t count,
	      responder_progress_fn *progress, struct entry_added *ret_added, struct err *err)
{
	_cleanup_(entry_table_free) struct entry_table existing = {};
	struct entry_added added = {};
	size_t seen = SIZE_MAX;
	bool full;
	int r;

	if (count == 1) {
		r = add_one(pins, wanted, &added, err);
		if (!r)
			*ret_added = added;
		return r;
	}
	r = entry_unrepeat(wanted, &count, err);
	if (r < 0)
		return r;
	added.added = count;
	do {
		full = false;
		entry_table_free(&existing);
		r = entry_read_all(pins, 0, &existing, err);
		if (!r)
			r = wanted_reduce(pins, wanted, added.added, &existing, &added.added, err);
		if (!r)
			r = make_room(pins, wanted, added.added, &existing, &added.warning, err);
		if (!r) {
			r = responder_write(pins_responders(pins), row_of_wanted, wanted,
					    added.added, progress, err);
			/* if the agent, which adds without the lock, took the room meanwhile, there
			 * are others now */
			full = r == -E2BIG && existing.count != seen;
			seen = existing.count;
		}
	} while (full);
	if (r < 0)
		return r;
	added.present = count - added.added;
	*ret_added = added;
	return 0;
}

/* Reads rows for entry_delete(), possibly more than it deletes: one for a single address on one
 * interface, else all on @ifindex. */
static int read_candidates(const struct pins *pins, const struct addr_range *range,
			   uint32_t ifindex, struct entry_table *table, struct err *err)
{
	struct entry_key key;
	int r;

	if (!range || address_compare(&range->first, &range->last) || !ifindex)
		return entry_read_all(pins, ifindex, table, err);
	table->rows = xcalloc(1, sizeof(*table->rows));
	key = (struct entry_key){ .address = range->first, .ifindex = ifindex };
	r = entry_get(pins, &key, table->rows, err);
	table->count = !r;
	return r == -ENOENT ? 0 : r;
}

int entry_delete(const struct pins *pins, const struct addr_range *range, uint32_t ifindex,
		 size_t *ret_deleted, size_t *ret_leased, struct err *err)
{
	_cleanup_(entry_table_free) struct entry_table table = {};
	size_t kept = 0, leased = 0;
	int r = read_candidates(pins, range, ifindex, &table, err);

	for (size_t i = 0; i < table.count && !r; i++) {
		uint8_t slot = table.rows[i].head.lease;
		uint64_t remaining_ms;

		if (range && !addr_range_has(range, &table.rows[i].key.address))
			continue;
		r = entry_lease_remaining(pins, slot, &remaining_ms, err);
		if (slot != L2RESP_LEASE_FOREVER && remaining_ms)
			leased++;
		else
			table.rows[kept++] = table.rows[i];
	}
	if (r < 0)
		return r;
	table.count = kept;
	r = remover_remove_table(pins_responders(pins), &table, err);
	if (r < 0)
		return r;
	*ret_deleted = kept;
	*ret_leased = leased;
	return 0;
}

static void renumber(struct entry_row *row, const struct link *link)
{
	static const uint8_t unknown[ETH_ALEN];

	row->key.ifindex = link->ifindex;
	if (!(row->head.flags & ENTRY_MAC_FIXED) && memcmp(link->mac, unknown, ETH_ALEN) != 0)
		memcpy(row->head.mac, link->mac, ETH_ALEN);
}

int entry_move(const struct pins *pins, const struct entry_table *table, uint32_t from,
	       const struct link *to, size_t *ret_moved, struct err *err)
{
	_cleanup_(remover_close) struct remover remover = {};
	const int *fds = pins_responders(pins);
	size_t moved = 0;
	int r = remover_open(fds, &remover, err);

	for (size_t i = 0; i < table->count && !r; i++) {
		const struct entry_row *row = &table->rows[i];
		struct entry_row moved_row = *row;

		if (row->key.ifindex != from)
			continue;
		/* the agent adds leased entries to @to itself if it still holds the leases; damaged
		 * ones aren't answered for, and a copy would be */
		if (row->head.lease != L2RESP_LEASE_FOREVER || row->damaged) {
			r = remover_remove(&remover, &row->key, err);
			continue;
		}
		renumber(&moved_row, to);
		/* insert before delete: if killed in between, both exist, and the next move deletes
		 * the old one */
		r = responder_insert(fds, &moved_row, err);
		if (r == -E2BIG) {
			r = remover_remove(&remover, &row->key, err);
			r = r ?: responder_insert(fds, &moved_row, err);
		}
		if (r < 0 && r != -EEXIST)
			return r;
		moved += !r;
		r = remover_remove(&remover, &row->key, err);
	}
	*ret_moved = moved;
	return r;
}
