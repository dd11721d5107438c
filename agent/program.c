// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <bpf/bpf.h>

#include "cleanup.h"
#include "clock.h"
#include "device.h"
#include "entry.h"
#include "grow.h"
#include "pins.h"
#include "program.h"

/* Fewer than these are added one by one: entry_add() reads the whole map otherwise. */
#define ADD_SINGLY 64

struct program {
	char *bpffs;
	int leases;	  /* never replaced, and written without the lock */
	struct pins pins; /* while locked */
};

static int err_nomem(struct err *err)
{
	return err_set(err, -ENOMEM, "out of memory");
}

/* Would the writers' lock be had at once? A CLI that imports a million addresses has it for
 * seconds, in which leases must be renewed. */
static int lock_free(const struct program *program, struct err *err)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;

	if (asprintf(&path, "%s/xdp-l2resp", program->bpffs) < 0) {
		path = NULL;
		return err_nomem(err);
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return err_set(err, -EAGAIN, "another writer has %s locked", path);
	return 0;
}

int program_begin(struct program *program, struct err *err)
{
	struct pins pins = PINS_NONE;
	size_t dropped;
	int r;

	if (program->pins.lock_fd >= 0)
		return 0;
	r = lock_free(program, err);
	if (!r)
		r = pins_open_locked(program->bpffs, 0, &pins, err);
	if (!r)
		r = device_adopt(&pins, &dropped, err);
	if (!r)
		r = grow_finish(&pins, err);
	if (r < 0) {
		pins_close(&pins);
		return r;
	}
	program->pins = pins;
	return 0;
}

void program_end(struct program *program)
{
	pins_close(&program->pins);
}

int program_new(const char *bpffs, struct program **ret_program, struct err *err)
{
	struct program *program = calloc(1, sizeof(*program));
	int r = 0;

	if (!program)
		return err_nomem(err);
	program->leases = -1;
	program->pins = PINS_NONE;
	program->bpffs = strdup(bpffs);
	if (!program->bpffs)
		r = err_nomem(err);
	if (!r)
		r = program_begin(program, err);
	if (!r) {
		program->leases = fcntl(program->pins.fd[PINS_LEASES], F_DUPFD_CLOEXEC, 0);
		if (program->leases < 0)
			r = err_set(err, negative_errno(), "leases: %s", strerror(errno));
	}
	if (r < 0) {
		program_free(program);
		return r;
	}
	program_end(program);
	*ret_program = program;
	return 0;
}

void program_free(struct program *program)
{
	if (!program)
		return;
	program_end(program);
	if (program->leases >= 0)
		close(program->leases);
	free(program->bpffs);
	free(program);
}

bool program_knows(const struct address *address)
{
	return address_is_v4(address);
}

static struct responder_v4_key entry_key(const struct program_entry *entry)
{
	return (struct responder_v4_key){ .ip4 = address_ip4(&entry->address),
					  .ifindex = entry->ifindex };
}

static struct entry_wanted entry_wanted(const struct program_entry *entry)
{
	struct entry_wanted wanted = { .key = entry_key(entry), .head.lease = entry->slot };

	memcpy(wanted.head.mac, entry->mac, ETH_ALEN);
	return wanted;
}

static int wanted_compare(const void *a, const void *b)
{
	const struct entry_wanted *left = a, *right = b;
	uint64_t left_key, right_key;

	/* any order will do, and this one is cheap */
	memcpy(&left_key, &left->key, sizeof(left_key));
	memcpy(&right_key, &right->key, sizeof(right_key));
	return left_key < right_key ? -1 : left_key > right_key;
}

static bool head_same(const struct entry_head *a, const struct entry_head *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* What is to be done. */
struct difference {
	struct entry_wanted *add, *change;
	struct responder_v4_key *delete;
	size_t add_count, change_count, delete_count, delete_capacity;
};

static void difference_free(struct difference *difference)
{
	free(difference->add);
	free(difference->change);
	free(difference->delete);
}

struct apply {
	struct entry_wanted *wanted; /* sorted */
	size_t count;
	bool *found;  /* of each wanted one: it is there */
	size_t there; /* entries in the map, whoever's */
	struct difference difference;
	struct program_changes changes;
	program_keep_fn *keep;
	program_change_fn *change;
	void *userdata;
};

/* An entry of the map that isn't wanted. */
static int apply_unwanted(struct apply *apply, const struct responder_v4_key *key,
			  const struct entry_head *head, struct err *err)
{
	struct difference *difference = &apply->difference;
	struct address address = address_from_ip4(key->ip4);

	if (head->lease == L2RESP_LEASE_FOREVER)
		return 0;
	if (apply->keep(&address, head->lease, apply->userdata)) {
		apply->changes.present++;
		return 0;
	}
	if (difference->delete_count == difference->delete_capacity) {
		size_t capacity = 2 * difference->delete_capacity + 64;
		struct responder_v4_key *delete =
			reallocarray(difference->delete, capacity, sizeof(*delete));

		if (!delete)
			return err_nomem(err);
		difference->delete = delete;
		difference->delete_capacity = capacity;
	}
	apply->change("deleted", &address, key->ifindex, apply->userdata);
	difference->delete[difference->delete_count++] = *key;
	return 0;
}

static void apply_change(const struct apply *apply, const char *what,
			 const struct responder_v4_key *key)
{
	struct address address = address_from_ip4(key->ip4);

	apply->change(what, &address, key->ifindex, apply->userdata);
}

static void apply_there(struct apply *apply, const struct entry_head *head,
			const struct entry_wanted *wanted)
{
	apply->found[wanted - apply->wanted] = true;
	if (head->lease == L2RESP_LEASE_FOREVER) {
		apply_change(apply, "by hand", &wanted->key);
		apply->changes.by_hand++;
		return;
	}
	apply->changes.present++;
	if (head_same(head, &wanted->head))
		return;
	apply_change(apply, "changed", &wanted->key);
	apply->difference.change[apply->difference.change_count++] = *wanted;
}

static int apply_visit(const struct responder_v4_key *key, const struct entry_head *head,
		       void *data, struct err *err)
{
	struct entry_wanted wanted = { .key = *key };
	const struct entry_wanted *found = NULL;
	struct apply *apply = data;

	apply->there++;
	if (apply->count)
		found = bsearch(&wanted, apply->wanted, apply->count, sizeof(wanted),
				wanted_compare);
	if (!found)
		return apply_unwanted(apply, key, head, err);
	apply_there(apply, head, found);
	return 0;
}

static void apply_missing(struct apply *apply)
{
	for (size_t i = 0; i < apply->count; i++) {
		if (apply->found[i])
			continue;
		apply_change(apply, "added", &apply->wanted[i].key);
		apply->difference.add[apply->difference.add_count++] = apply->wanted[i];
		apply->changes.present++;
	}
}

/* Room for @count entries, and some to come. */
static int make_room(struct program *program, size_t count, struct err *err)
{
	uint32_t room = program->pins.max_entries;

	if (count <= room)
		return 0;
	while (room < count)
		room *= 2;
	return grow_responder(&program->pins, room, err);
}

static int add_all(struct program *program, struct difference *difference, struct err *err)
{
	struct entry_added added;
	int r = 0;

	if (difference->add_count > ADD_SINGLY)
		return entry_add(&program->pins, difference->add, difference->add_count, NULL,
				 &added, err);
	for (size_t i = 0; i < difference->add_count && !r; i++)
		r = entry_add(&program->pins, &difference->add[i], 1, NULL, &added, err);
	return r;
}

/* The lists are there: fills and works them off. */
static int apply_difference(struct program *program, struct apply *apply, struct err *err)
{
	struct difference *difference = &apply->difference;
	int r = entry_visit_all(&program->pins, apply_visit, apply, err);

	if (r < 0)
		return r;
	apply_missing(apply);
	r = entry_delete_keys(&program->pins, difference->delete, difference->delete_count, err);
	if (!r)
		r = entry_set_heads(&program->pins, difference->change, difference->change_count,
				    err);
	if (!r)
		r = make_room(program,
			      apply->there - difference->delete_count + difference->add_count, err);
	return r ?: add_all(program, difference, err);
}

int program_apply(struct program *program, const struct program_entry *wanted, size_t count,
		  program_keep_fn *keep, program_change_fn *change, void *userdata,
		  struct program_changes *ret_changes, struct err *err)
{
	struct apply apply = {
		.count = count, .keep = keep, .change = change, .userdata = userdata
	};
	struct difference *difference = &apply.difference;
	int r = -ENOMEM;

	apply.wanted = calloc(count + 1, sizeof(*apply.wanted));
	for (size_t i = 0; apply.wanted && i < count; i++)
		apply.wanted[i] = entry_wanted(&wanted[i]);
	if (apply.wanted && count)
		qsort(apply.wanted, count, sizeof(*apply.wanted), wanted_compare);
	apply.found = calloc(count + 1, sizeof(*apply.found));
	difference->add = calloc(count + 1, sizeof(*difference->add));
	difference->change = calloc(count + 1, sizeof(*difference->change));
	if (apply.wanted && apply.found && difference->add && difference->change)
		r = apply_difference(program, &apply, err);
	else
		err_nomem(err);
	apply.changes.added = difference->add_count;
	apply.changes.deleted = difference->delete_count;
	apply.changes.changed = difference->change_count;
	difference_free(difference);
	free(apply.wanted);
	free(apply.found);
	if (r < 0)
		return r;
	*ret_changes = apply.changes;
	return 0;
}

int program_put(struct program *program, const struct program_entry *entry, bool *ret_by_hand,
		struct err *err)
{
	struct entry_wanted wanted = entry_wanted(entry);
	struct responder_v4_entry there;
	struct entry_added added;
	int r = entry_get(&program->pins, wanted.key.ip4, wanted.key.ifindex, &there, err);

	*ret_by_hand = !r && there.head.lease == L2RESP_LEASE_FOREVER;
	if (!r && !*ret_by_hand && !head_same(&there.head, &wanted.head))
		return entry_set_heads(&program->pins, &wanted, 1, err);
	return r == -ENOENT ? entry_add(&program->pins, &wanted, 1, NULL, &added, err) : r;
}

int program_remove(struct program *program, const struct address *address, struct err *err)
{
	uint32_t ifindex = 0, *previous = NULL;
	int r = 0;

	if (!program_knows(address))
		return 0;
	/* every interface that ever had entries is recorded */
	while (!r && !bpf_map_get_next_key(program->pins.fd[PINS_DEVICES], previous, &ifindex)) {
		struct responder_v4_key key = { address_ip4(address), ifindex };
		struct responder_v4_entry there;

		previous = &ifindex;
		r = entry_get(&program->pins, key.ip4, key.ifindex, &there, err);
		if (!r && there.head.lease != L2RESP_LEASE_FOREVER)
			r = entry_delete_keys(&program->pins, &key, 1, err);
		if (r == -ENOENT)
			r = 0;
	}
	return r;
}

int program_stamp(struct program *program, uint8_t slot, uint64_t deadline_ns)
{
	/* no jiffies: the data path asks the boot clock each time */
	struct lease_stamp stamp = { .deadline_ns = deadline_ns };
	uint32_t key = slot;

	if (deadline_ns <= clock_boot_ns())
		return -ESTALE;
	return bpf_map_update_elem(program->leases, &key, &stamp, BPF_ANY) < 0 ? negative_errno()
									       : 0;
}

uint64_t program_stamped(const struct program *program, uint8_t slot)
{
	struct lease_stamp stamp = {};
	uint32_t key = slot;

	return bpf_map_lookup_elem(program->leases, &key, &stamp) < 0 ? 0 : stamp.deadline_ns;
}

int program_attached(struct program *program, const struct link *link, struct err *err)
{
	struct attach_state state;
	int ours, r = attach_query(&program->pins, link->ifindex, &state, err);

	if (r < 0)
		return r;
	ours = attach_find(&state, false);
	return ours >= 0 && !state.prog[ours].stale;
}

int program_attach(struct program *program, const struct link *link,
		   const struct attach_options *options, struct attach_outcome *ret_outcome,
		   struct err *err)
{
	struct device_recorded recorded;
	int r = attach_check(&program->pins, link, options, err);

	if (!r)
		r = device_record(&program->pins, link, &recorded, err);
	if (r)
		return r;
	r = attach_link(&program->pins, link, recorded.counters_slot, options, ret_outcome, err);
	if (r < 0)
		device_undo_record(&program->pins, link, &recorded);
	return r;
}

int program_counts(struct program *program, struct outcome_counts *ret_counts, struct err *err)
{
	_cleanup_(pins_close) struct pins pins = PINS_NONE;
	struct outcome_counts sum = {};
	uint32_t ifindex = 0, *previous = NULL;
	int r = pins_open(program->bpffs, &pins, err);

	while (!r && !bpf_map_get_next_key(pins.fd[PINS_DEVICES], previous, &ifindex)) {
		struct outcome_counts counts = {};
		struct device device;

		previous = &ifindex;
		if (bpf_map_lookup_elem(pins.fd[PINS_DEVICES], &ifindex, &device) < 0)
			continue;
		r = counts_read(&pins, device.counters_slot, &counts, err);
		for (int i = 0; i < OUTCOME_COUNT && !r; i++)
			sum.count[i] += counts.count[i];
	}
	if (!r)
		*ret_counts = sum;
	return r;
}

int program_conflicts(struct program *program, struct conflict_table *ret_table, struct err *err)
{
	_cleanup_(pins_close) struct pins pins = PINS_NONE;
	int r = pins_open(program->bpffs, &pins, err);

	return r < 0 ? r : conflict_read_all(&pins, ret_table, err);
}
