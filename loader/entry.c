// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <bpf/bpf.h>

#include "cleanup.h"
#include "control.h"
#include "control.skel.h"
#include "entry.h"

/* Elements a batch call; the map's own lock is held for one bucket at a time, so only the copy's
 * size matters. */
#define BATCH 16384
/* What is looked at once stays in the processor's cache. */
#define VISIT_BATCH 1024

void entry_table_free(struct entry_table *table)
{
	free(table->rows);
	*table = (struct entry_table){};
}

uint64_t entry_responses(const struct responder_v4_entry *entry)
{
	uint64_t sum = 0;

	for (int i = 0; i < L2RESP_SHARDS; i++)
		sum += entry->responses_sent[i];
	return sum;
}

uint64_t entry_lease_remaining_ms(const struct pins *pins, uint8_t slot)
{
	struct lease_stamp stamp;
	uint32_t key = slot;
	struct timespec now;
	uint64_t now_ns;

	if (slot == L2RESP_LEASE_FOREVER)
		return UINT64_MAX;
	if (bpf_map_lookup_elem(pins->fd[PINS_LEASES], &key, &stamp) < 0)
		return 0;
	clock_gettime(CLOCK_BOOTTIME, &now);
	now_ns = now.tv_sec * 1000000000ULL + now.tv_nsec;
	return stamp.deadline_ns > now_ns ? (stamp.deadline_ns - now_ns) / 1000000 : 0;
}

int entry_get(const struct pins *pins, __be32 ip4, uint32_t ifindex,
	      struct responder_v4_entry *ret_entry, struct err *err)
{
	struct responder_v4_key key = { .ip4 = ip4, .ifindex = ifindex };
	struct responder_v4_entry entry;

	if (bpf_map_lookup_elem(pins->fd[PINS_RESPONDER_V4], &key, &entry) < 0) {
		if (errno == ENOENT)
			return -ENOENT;
		return err_set(err, negative_errno(), "reading responder_v4: %s", strerror(errno));
	}
	*ret_entry = entry;
	return 0;
}

static int key_compare(const struct responder_v4_key *a, const struct responder_v4_key *b)
{
	uint32_t ip_a = ntohl(a->ip4), ip_b = ntohl(b->ip4);

	if (a->ifindex != b->ifindex)
		return a->ifindex < b->ifindex ? -1 : 1;
	return ip_a < ip_b ? -1 : ip_a > ip_b;
}

static int row_compare(const void *a, const void *b)
{
	return key_compare(&((const struct entry_row *)a)->key,
			   &((const struct entry_row *)b)->key);
}

static int wanted_compare(const void *a, const void *b)
{
	const struct entry_wanted *left = a, *right = b;
	int order = key_compare(&left->key, &right->key);

	if (order)
		return order;
	return left->line < right->line ? -1 : left->line > right->line;
}

static int err_nomem(struct err *err)
{
	return err_set(err, -ENOMEM, "out of memory");
}

int entry_read_all(const struct pins *pins, uint32_t ifindex, struct entry_table *ret_table,
		   struct err *err)
{
	_cleanup_free_ struct responder_v4_key *keys = calloc(BATCH, sizeof(*keys));
	_cleanup_free_ struct responder_v4_entry *values = calloc(BATCH, sizeof(*values));
	_cleanup_(entry_table_free) struct entry_table table = {};
	size_t capacity = 0;
	bool first = true;
	uint32_t cursor;
	int r = 0;

	if (!keys || !values)
		return err_nomem(err);
	while (r != -ENOENT) {
		uint32_t count = BATCH;

		r = bpf_map_lookup_batch(pins->fd[PINS_RESPONDER_V4], first ? NULL : &cursor,
					 &cursor, keys, values, &count, NULL);
		if (r < 0 && r != -ENOENT)
			return err_set(err, r, "reading responder_v4: %s", strerror(-r));
		first = false;
		if (table.count + count > capacity) {
			struct entry_row *rows;

			capacity = 2 * capacity + count;
			rows = reallocarray(table.rows, capacity, sizeof(*rows));
			if (!rows)
				return err_nomem(err);
			table.rows = rows;
		}
		for (uint32_t i = 0; i < count; i++)
			if (!ifindex || keys[i].ifindex == ifindex)
				table.rows[table.count++] =
					(struct entry_row){ keys[i], values[i] };
	}
	if (table.count)
		qsort(table.rows, table.count, sizeof(*table.rows), row_compare);
	*ret_table = table;
	table = (struct entry_table){};
	return 0;
}

int entry_visit_all(const struct pins *pins, entry_visit_fn *visit, void *data, struct err *err)
{
	_cleanup_free_ struct responder_v4_key *keys = calloc(VISIT_BATCH, sizeof(*keys));
	_cleanup_free_ struct responder_v4_entry *values = calloc(VISIT_BATCH, sizeof(*values));
	bool first = true;
	uint32_t cursor;
	int r = 0, stop = 0;

	if (!keys || !values)
		return err_nomem(err);
	while (r != -ENOENT) {
		uint32_t count = VISIT_BATCH;

		r = bpf_map_lookup_batch(pins->fd[PINS_RESPONDER_V4], first ? NULL : &cursor,
					 &cursor, keys, values, &count, NULL);
		if (r < 0 && r != -ENOENT)
			return err_set(err, r, "reading responder_v4: %s", strerror(-r));
		first = false;
		for (uint32_t i = 0; i < count && !stop; i++)
			stop = visit(&keys[i], &values[i].head, data, err);
		if (stop)
			return stop;
	}
	return 0;
}

static struct responder_v4_entry entry_fresh(const struct entry_wanted *wanted)
{
	return (struct responder_v4_entry){ .key = wanted->key, .head = wanted->head };
}

static int err_at(struct err *err, const struct entry_wanted *wanted, int error, const char *what,
		  const uint8_t mac[ETH_ALEN])
{
	char ip[INET_ADDRSTRLEN], line[32] = "", text[MAC_TEXT_SIZE];

	if (wanted->line)
		snprintf(line, sizeof(line), "line %u: ", wanted->line);
	return err_set(err, error, "%s%s %s %s", line, ip4_format(wanted->key.ip4, ip), what,
		       mac ? mac_format(mac, text) : "");
}

/* May @wanted stand where @head stands: 0 if it is the same, else -EEXIST with @err. */
static int same_or_err(const struct entry_wanted *wanted, const struct entry_head *head,
		       struct err *err)
{
	if (head->lease != L2RESP_LEASE_FOREVER)
		return err_at(err, wanted, -EEXIST,
			      "is announced by the agent; change its policy instead", NULL);
	/* two that follow the device say the same, even if its MAC has changed since */
	if (!(head->flags & wanted->head.flags & ENTRY_MAC_FIXED) &&
	    (head->flags & ENTRY_MAC_FIXED) == (wanted->head.flags & ENTRY_MAC_FIXED))
		return 0;
	if (memcmp(head->mac, wanted->head.mac, ETH_ALEN))
		return err_at(err, wanted, -EEXIST,
			      "is there already, and answers with another MAC:", head->mac);
	return 0;
}

static int add_one(const struct pins *pins, const struct entry_wanted *wanted,
		   struct entry_added *added, struct err *err)
{
	struct responder_v4_entry fresh = entry_fresh(wanted), there;
	int r;

	if (!bpf_map_update_elem(pins->fd[PINS_RESPONDER_V4], &wanted->key, &fresh, BPF_NOEXIST)) {
		added->added = 1;
		return 0;
	}
	if (errno == E2BIG)
		return err_set(err, -ENOSPC, "the map is full: %u addresses", pins->max_entries);
	if (errno != EEXIST)
		return err_set(err, negative_errno(), "writing responder_v4: %s", strerror(errno));
	r = entry_get(pins, wanted->key.ip4, wanted->key.ifindex, &there, err);
	if (r < 0)
		return r;
	r = same_or_err(wanted, &there.head, err);
	added->present = !r;
	return r;
}

/*
 * Sorts @wanted and leaves in its first *ret_count places what is neither there already nor a
 * repetition. Writes nothing but the array.
 */
static int wanted_reduce(struct entry_wanted *wanted, size_t count, const struct entry_table *there,
			 size_t *ret_count, struct err *err)
{
	size_t kept = 0, row = 0;
	int r;

	qsort(wanted, count, sizeof(*wanted), wanted_compare);
	for (size_t i = 0; i < count; i++) {
		if (kept && !key_compare(&wanted[kept - 1].key, &wanted[i].key)) {
			if (memcmp(wanted[kept - 1].head.mac, wanted[i].head.mac, ETH_ALEN))
				return err_at(err, &wanted[i], -EEXIST,
					      "is given twice, first with MAC",
					      wanted[kept - 1].head.mac);
			continue;
		}
		while (row < there->count && key_compare(&there->rows[row].key, &wanted[i].key) < 0)
			row++;
		if (row < there->count && !key_compare(&there->rows[row].key, &wanted[i].key)) {
			r = same_or_err(&wanted[i], &there->rows[row].value.head, err);
			if (r < 0)
				return r;
			continue;
		}
		wanted[kept++] = wanted[i];
	}
	*ret_count = kept;
	return 0;
}

/* Deletes the keys of the @count first of @wanted again. */
static void unwrite(const struct pins *pins, const struct entry_wanted *wanted, size_t count)
{
	for (size_t i = 0; i < count; i++)
		bpf_map_delete_elem(pins->fd[PINS_RESPONDER_V4], &wanted[i].key);
}

static int write_batches(const struct pins *pins, const struct entry_wanted *wanted, size_t count,
			 entry_progress_fn *progress, struct err *err)
{
	_cleanup_free_ struct responder_v4_key *keys = calloc(BATCH, sizeof(*keys));
	_cleanup_free_ struct responder_v4_entry *values = calloc(BATCH, sizeof(*values));

	if (!keys || !values)
		return err_nomem(err);
	for (size_t done = 0; done < count;) {
		uint32_t batch = count - done < BATCH ? count - done : BATCH;
		int r;

		for (uint32_t i = 0; i < batch; i++) {
			keys[i] = wanted[done + i].key;
			values[i] = entry_fresh(&wanted[done + i]);
		}
		r = bpf_map_update_batch(pins->fd[PINS_RESPONDER_V4], keys, values, &batch, NULL);
		if (r < 0) {
			unwrite(pins, wanted, done + batch);
			return err_set(err, r, "writing responder_v4: %s", strerror(-r));
		}
		done += batch;
		if (progress)
			progress(done, count);
	}
	return 0;
}

int entry_add(const struct pins *pins, struct entry_wanted *wanted, size_t count,
	      entry_progress_fn *progress, struct entry_added *ret_added, struct err *err)
{
	_cleanup_(entry_table_free) struct entry_table there = {};
	struct entry_added added = {};
	int r;

	if (count == 1) {
		r = add_one(pins, wanted, &added, err);
		if (r < 0)
			return r;
		*ret_added = added;
		return 0;
	}
	r = entry_read_all(pins, 0, &there, err);
	if (r < 0)
		return r;
	r = wanted_reduce(wanted, count, &there, &added.added, err);
	if (r < 0)
		return r;
	if (added.added > pins->max_entries - there.count)
		return err_set(
			err, -ENOSPC,
			"%zu addresses are more than the free room: the map holds %u, %zu are "
			"there",
			added.added, pins->max_entries, there.count);
	r = write_batches(pins, wanted, added.added, progress, err);
	if (r < 0)
		return r;
	added.present = count - added.added;
	*ret_added = added;
	return 0;
}

/* In @range (host byte order), or any address where that is NULL. */
static bool in_range(const struct addr_range *range, __be32 ip4)
{
	uint32_t ip = ntohl(ip4);

	return !range || (range->first <= ip && ip <= range->last);
}

static int delete_keys(const struct pins *pins, const struct responder_v4_key *keys, size_t count,
		       struct err *err)
{
	for (size_t done = 0; done < count;) {
		uint32_t batch = count - done < BATCH ? count - done : BATCH;
		int r = bpf_map_delete_batch(pins->fd[PINS_RESPONDER_V4], keys + done, &batch,
					     NULL);

		if (r < 0)
			return err_set(err, r, "deleting from responder_v4: %s", strerror(-r));
		done += batch;
	}
	return 0;
}

/* Rows for entry_delete(): a single address is looked up, everything else read and filtered. */
static int read_candidates(const struct pins *pins, const struct addr_range *range,
			   uint32_t ifindex, struct entry_table *table, struct err *err)
{
	__be32 ip4;
	int r;

	if (!range || range->first != range->last || !ifindex)
		return entry_read_all(pins, ifindex, table, err);
	table->rows = calloc(1, sizeof(*table->rows));
	if (!table->rows)
		return err_nomem(err);
	ip4 = htonl(range->first);
	r = entry_get(pins, ip4, ifindex, &table->rows[0].value, err);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	table->rows[0].key = (struct responder_v4_key){ .ip4 = ip4, .ifindex = ifindex };
	table->count = 1;
	return 0;
}

int entry_delete(const struct pins *pins, const struct addr_range *range, uint32_t ifindex,
		 size_t *ret_deleted, size_t *ret_leased, struct err *err)
{
	_cleanup_(entry_table_free) struct entry_table table = {};
	_cleanup_free_ struct responder_v4_key *keys = NULL;
	size_t count = 0, leased = 0;
	int r = read_candidates(pins, range, ifindex, &table, err);

	if (r < 0)
		return r;
	keys = calloc(table.count + 1, sizeof(*keys));
	if (!keys)
		return err_nomem(err);
	for (size_t i = 0; i < table.count; i++) {
		if (!in_range(range, table.rows[i].key.ip4))
			continue;
		if (table.rows[i].value.head.lease != L2RESP_LEASE_FOREVER)
			leased++;
		else
			keys[count++] = table.rows[i].key;
	}
	r = delete_keys(pins, keys, count, err);
	if (r < 0)
		return r;
	*ret_deleted = count;
	*ret_leased = leased;
	return 0;
}

static void cleanup_control(struct control_bpf **control)
{
	control_bpf__destroy(*control);
}

/* The programs that change entries in place, over the pinned maps. */
static int control_load(const struct pins *pins, struct control_bpf **ret_control, struct err *err)
{
	_cleanup_(cleanup_control) struct control_bpf *control = control_bpf__open();
	int r = 0;

	if (!control)
		return err_set(err, negative_errno(), "opening the built-in BPF object: %s",
			       strerror(errno));
	for (enum pins_map map = 0; map < PINS_MAP_COUNT && !r; map++)
		r = bpf_map__reuse_fd(bpf_object__find_map_by_name(control->obj,
								   pins_map_name(map)),
				      pins->fd[map]);
	if (!r)
		r = control_bpf__load(control);
	if (r < 0)
		return err_set(err, r, "loading the program that changes entries in place: %s",
			       strerror(-r));
	*ret_control = control;
	control = NULL;
	return 0;
}

int entry_follow_mac(const struct pins *pins, uint32_t ifindex, const uint8_t mac[ETH_ALEN],
		     struct err *err)
{
	_cleanup_(cleanup_control) struct control_bpf *control = NULL;
	_cleanup_(entry_table_free) struct entry_table table = {};
	int r = entry_read_all(pins, ifindex, &table, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < table.count; i++) {
		struct control_set_head args = { .key = table.rows[i].key,
						 .head = table.rows[i].value.head };
		LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &args, .ctx_size_in = sizeof(args));

		if ((args.head.flags & ENTRY_MAC_FIXED) || !memcmp(args.head.mac, mac, ETH_ALEN))
			continue;
		if (!control) {
			r = control_load(pins, &control, err);
			if (r < 0)
				return r;
		}
		memcpy(args.head.mac, mac, ETH_ALEN);
		r = bpf_prog_test_run_opts(bpf_program__fd(control->progs.control_set_head), &opts);
		if (r < 0)
			return err_set(err, r, "changing an entry in place: %s", strerror(-r));
	}
	return 0;
}

int entry_set_heads(const struct pins *pins, const struct entry_wanted *wanted, size_t count,
		    struct err *err)
{
	_cleanup_(cleanup_control) struct control_bpf *control = NULL;
	int r = count ? control_load(pins, &control, err) : 0;

	for (size_t i = 0; i < count && !r; i++) {
		struct control_set_head args = { .key = wanted[i].key, .head = wanted[i].head };
		LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &args, .ctx_size_in = sizeof(args));

		r = bpf_prog_test_run_opts(bpf_program__fd(control->progs.control_set_head), &opts);
		if (r < 0)
			return err_set(err, r, "changing an entry in place: %s", strerror(-r));
	}
	return r;
}

int entry_delete_keys(const struct pins *pins, const struct responder_v4_key *keys, size_t count,
		      struct err *err)
{
	/* one by one: a batch ends at the first that is absent */
	for (size_t i = 0; i < count; i++)
		if (bpf_map_delete_elem(pins->fd[PINS_RESPONDER_V4], &keys[i]) < 0 &&
		    errno != ENOENT)
			return err_set(err, negative_errno(), "deleting from responder_v4: %s",
				       strerror(errno));
	return 0;
}

int entry_move(const struct pins *pins, const struct entry_table *table, uint32_t from, uint32_t to,
	       size_t *ret_moved, struct err *err)
{
	int map = pins->fd[PINS_RESPONDER_V4];
	size_t moved = 0;

	for (size_t i = 0; i < table->count; i++) {
		const struct entry_row *row = &table->rows[i];
		struct responder_v4_key key = { .ip4 = row->key.ip4, .ifindex = to };
		struct responder_v4_entry value = row->value;
		int r;

		value.key = key;
		if (row->key.ifindex != from)
			continue;
		/* insert before delete: killed in between, both are there, and the next move
		 * deletes */
		r = bpf_map_update_elem(map, &key, &value, BPF_NOEXIST);
		if (r == -E2BIG) {
			bpf_map_delete_elem(map, &row->key);
			r = bpf_map_update_elem(map, &key, &value, BPF_NOEXIST);
		}
		if (r < 0 && r != -EEXIST)
			return err_set(err, r, "writing responder_v4: %s", strerror(-r));
		moved += !r;
		bpf_map_delete_elem(map, &row->key);
	}
	*ret_moved = moved;
	return 0;
}

int entry_write_rows(int fd, const struct entry_table *table, struct err *err)
{
	for (size_t i = 0; i < table->count; i++) {
		int r = bpf_map_update_elem(fd, &table->rows[i].key, &table->rows[i].value,
					    BPF_NOEXIST);

		if (r < 0)
			return err_set(err, r, "copying responder_v4: %s", strerror(-r));
	}
	return 0;
}

int entry_add_answers(const struct pins *pins, const struct entry_table *before,
		      const struct entry_table *after, struct err *err)
{
	_cleanup_(cleanup_control) struct control_bpf *control = NULL;
	size_t then = 0;
	int r = control_load(pins, &control, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < after->count; i++) {
		const struct entry_row *now = &after->rows[i];
		struct control_add_answers args = { .key = now->key };
		LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &args, .ctx_size_in = sizeof(args));

		while (then < before->count && row_compare(&before->rows[then], now) < 0)
			then++;
		if (then == before->count)
			break;
		args.answers =
			entry_responses(&now->value) - entry_responses(&before->rows[then].value);
		if (!args.answers)
			continue;
		r = bpf_prog_test_run_opts(bpf_program__fd(control->progs.control_add_answers),
					   &opts);
		if (r < 0)
			return err_set(err, r, "adding to an entry in place: %s", strerror(-r));
	}
	return 0;
}
