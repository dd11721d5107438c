// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>

#include "change.h"
#include "cleanup.h"
#include "device.h"
#include "filter.h"
#include "grow.h"
#include "lease_stamp.h"
#include "log.h"
#include "pins.h"
#include "program.h"
#include "remover.h"
#include "vlan.h"

/* Interfaces that something is due for at the end of the turn. */
struct devices {
	uint32_t ifindex[L2RESP_MAX_DEVICES];
	size_t count;
};

/* What was recorded for the helper's attach: a VLAN device's parent, too. */
struct recorded {
	struct link link;
	struct device_recorded device;
};

struct program {
	char *bpffs;
	struct helper *helper;
	int leases; /* written without the lock */
	uint32_t leases_id;
	struct lease_stamper *stamper;
	uint64_t duration_ns;	   /* what it was made for */
	struct pins pins;	   /* while locked */
	struct device_table known; /* interfaces that were ever recorded, while locked */
	bool known_is_read;
	struct devices unsynced;     /* whose groups may have changed */
	struct devices deleted;	     /* that addresses were taken off */
	struct recorded recorded[2]; /* while the helper attaches */
	unsigned int recorded_count;
};

static int err_nomem(struct err *err)
{
	return err_set(err, -ENOMEM, "out of memory");
}

int program_expect_stamps(struct program *program, uint64_t duration_ns, struct err *err)
{
	struct lease_stamper *stamper;
	int r = lease_stamper_new(program->leases, duration_ns, &stamper, err);

	if (r < 0)
		return r;
	lease_stamper_free(program->stamper);
	program->stamper = stamper;
	program->duration_ns = duration_ns;
	return 0;
}

/* Stamps go into the map that is pinned: flush --all may have removed the one of before. */
static int leases_follow(struct program *program, const struct pins *pins, struct err *err)
{
	uint32_t id = pins_map_id(pins, PINS_LEASES);
	int fd, r = 0;

	if (id && id == program->leases_id)
		return 0;
	fd = fcntl(pins->fd[PINS_LEASES], F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return err_set(err, negative_errno(), "leases: %s", strerror(errno));
	if (program->leases >= 0)
		close(program->leases);
	program->leases = fd;
	if (program->stamper)
		r = program_expect_stamps(program, program->duration_ns, err);
	if (!r)
		program->leases_id = id;
	return r;
}

/* Has the helper make the maps larger, or, where @room is NULL, finish what a growth left, and
 * opens them anew. */
static int grow(struct program *program, const uint32_t *room, struct err *err)
{
	struct helper_request request = { .task = HELPER_GROW };
	struct pins pins = PINS_NONE;
	int r;

	if (helper_busy(program->helper))
		return err_set(err, -EAGAIN, "the helper that attaches is at work");
	if (room)
		memcpy(request.room, room, sizeof(request.room));
	r = helper_call(program->helper, &request, err);
	if (!r)
		r = pins_open(program->bpffs, &pins, err);
	if (r < 0)
		return r;
	pins.lock_fd = program->pins.lock_fd;
	program->pins.lock_fd = -1;
	pins_close(&program->pins);
	program->pins = pins;
	return 0;
}

int program_begin(struct program *program, struct err *err)
{
	struct pins pins = PINS_NONE;
	size_t dropped;
	int r;

	if (program->pins.lock_fd >= 0)
		return 0;
	/* not waited for: a CLI that imports a million addresses has the lock for seconds, in which
	 * leases must be renewed */
	r = pins_try_open_locked(program->bpffs, &pins, err);
	if (!r)
		r = device_adopt(&pins, &dropped, err);
	if (!r)
		r = leases_follow(program, &pins, err);
	if (r < 0) {
		pins_close(&pins);
		return r;
	}
	program->pins = pins;
	if (grow_unfinished(&pins))
		r = grow(program, NULL, err);
	if (r < 0)
		pins_close(&program->pins);
	return r;
}

void program_end(struct program *program)
{
	struct err err;

	if (program->pins.lock_fd < 0)
		return;
	for (size_t i = 0; i < program->unsynced.count; i++)
		filter_sync(&program->pins, program->unsynced.ifindex[i], log_warn);
	for (size_t i = 0; i < program->deleted.count; i++)
		if (vlan_deleted(&program->pins, program->deleted.ifindex[i], &err) < 0)
			log_say(LOG_WARNING, "%s", err.text);
	program->unsynced.count = program->deleted.count = 0;
	program->known_is_read = false;
	pins_close(&program->pins);
}

int program_new(const char *bpffs, struct helper *helper, struct program **ret_program,
		struct err *err)
{
	struct program *program = calloc(1, sizeof(*program));
	int r = 0;

	if (!program)
		return err_nomem(err);
	program->leases = -1;
	program->pins = PINS_NONE;
	program->helper = helper;
	program->bpffs = strdup(bpffs);
	if (!program->bpffs)
		r = err_nomem(err);
	if (!r)
		r = program_begin(program, err);
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
	lease_stamper_free(program->stamper);
	if (program->leases >= 0)
		close(program->leases);
	free(program->bpffs);
	free(program);
}

static void devices_add(struct devices *devices, uint32_t ifindex)
{
	for (size_t i = 0; i < devices->count; i++)
		if (devices->ifindex[i] == ifindex)
			return;
	if (devices->count < L2RESP_MAX_DEVICES)
		devices->ifindex[devices->count++] = ifindex;
}

/* The groups of @key's interface are to be looked after once the entries are done: adding and
 * deleting 1,000 addresses one by one isn't to read the map 1,000 times. IPv4's need none, since
 * entries here have the device's own MAC. */
static void sync_later(struct program *program, const struct entry_key *key)
{
	if (!address_is_v4(&key->address))
		devices_add(&program->unsynced, key->ifindex);
}

/* What was readied for @key's interface may have to go. */
static void deleted(struct program *program, const struct entry_key *key)
{
	sync_later(program, key);
	devices_add(&program->deleted, key->ifindex);
}

static bool head_same(const struct entry_head *a, const struct entry_head *b)
{
	return !memcmp(a, b, sizeof(*a));
}

struct apply {
	const struct entry_table *wanted;
	uint32_t *index; /* of wanted, by hash: 1 + where it is, 0 for a free place */
	size_t index_size;
	bool *found; /* of each wanted one: it is there */
	struct entry_table add, change, delete;
	size_t add_capacity, change_capacity, delete_capacity;
	size_t count[PINS_FAMILIES]; /* entries in the maps, whoever's */
	struct program_changes changes;
	program_keep_fn *keep;
	program_change_fn *change_fn;
	void *userdata;
};

static void apply_free(struct apply *apply)
{
	entry_table_free(&apply->add);
	entry_table_free(&apply->change);
	entry_table_free(&apply->delete);
	free(apply->index);
	free(apply->found);
}

/* The place of @key in the index, or the free one where it would be. */
static uint32_t *index_at(const struct apply *apply, const struct entry_key *key)
{
	size_t at = (address_hash(&key->address) + key->ifindex) & (apply->index_size - 1);

	while (apply->index[at] &&
	       entry_key_compare(&apply->wanted->rows[apply->index[at] - 1].key, key))
		at = (at + 1) & (apply->index_size - 1);
	return &apply->index[at];
}

/* A search in the sorted rows would miss the cache a dozen times for each entry of the map. */
static int index_make(struct apply *apply, struct err *err)
{
	apply->index_size = 1;
	while (apply->index_size < 2 * apply->wanted->count + 1)
		apply->index_size *= 2;
	apply->index = calloc(apply->index_size, sizeof(*apply->index));
	apply->found = calloc(apply->wanted->count + 1, sizeof(*apply->found));
	if (!apply->index || !apply->found)
		return err_nomem(err);
	for (size_t i = 0; i < apply->wanted->count; i++)
		*index_at(apply, &apply->wanted->rows[i].key) = i + 1;
	return 0;
}

/* An entry of the map that isn't wanted. */
static int apply_unwanted(struct apply *apply, const struct entry_row *row, struct err *err)
{
	if (row->head.lease == L2RESP_LEASE_FOREVER)
		return 0;
	if (apply->keep(&row->key.address, row->head.lease, apply->userdata)) {
		apply->changes.present++;
		return 0;
	}
	apply->change_fn("deleted", &row->key, apply->userdata);
	if (entry_table_add(&apply->delete, &apply->delete_capacity, row) < 0)
		return err_nomem(err);
	return 0;
}

static int apply_there(struct apply *apply, const struct entry_row *row, size_t at, struct err *err)
{
	const struct entry_row *wanted = &apply->wanted->rows[at];

	apply->found[at] = true;
	if (row->head.lease == L2RESP_LEASE_FOREVER) {
		apply->change_fn("by hand", &row->key, apply->userdata);
		apply->changes.by_hand++;
		return 0;
	}
	apply->changes.present++;
	if (head_same(&row->head, &wanted->head))
		return 0;
	apply->change_fn("changed", &row->key, apply->userdata);
	if (entry_table_add(&apply->change, &apply->change_capacity, wanted) < 0)
		return err_nomem(err);
	return 0;
}

static int apply_visit(const struct entry_row *row, void *data, struct err *err)
{
	struct apply *apply = data;
	uint32_t wanted = *index_at(apply, &row->key);

	apply->count[responder_family(&row->key.address)]++;
	return wanted ? apply_there(apply, row, wanted - 1, err) : apply_unwanted(apply, row, err);
}

static int apply_missing(struct apply *apply, struct err *err)
{
	for (size_t i = 0; i < apply->wanted->count; i++) {
		const struct entry_row *row = &apply->wanted->rows[i];

		if (apply->found[i])
			continue;
		apply->change_fn("added", &row->key, apply->userdata);
		if (entry_table_add(&apply->add, &apply->add_capacity, row) < 0)
			return err_nomem(err);
		apply->count[responder_family(&row->key.address)]++;
		apply->changes.present++;
	}
	return 0;
}

/* Room for @count entries of each family. */
static int make_room(struct program *program, const size_t count[PINS_FAMILIES], struct err *err)
{
	uint32_t room[PINS_FAMILIES];

	for (int family = 0; family < PINS_FAMILIES; family++)
		if (count[family] > program->pins.max_entries)
			return err_set(err, -ENOSPC,
				       "%zu addresses are more than there may be of a family: %u; "
				       "`xdp-l2resp attach IFACE --max-entries N` allows more",
				       count[family], program->pins.max_entries);
	return grow_needed(&program->pins, count, room) ? grow(program, room, err) : 0;
}

static int delete_all(struct program *program, const struct entry_table *table, struct err *err)
{
	int r = remover_remove_table(pins_responders(&program->pins), table, err);

	for (size_t i = 0; i < table->count; i++)
		deleted(program, &table->rows[i].key);
	return r;
}

int program_apply(struct program *program, const struct entry_table *wanted, program_keep_fn *keep,
		  program_change_fn *change, void *userdata, struct program_changes *ret_changes,
		  struct err *err)
{
	_cleanup_(apply_free) struct apply apply = {
		.wanted = wanted, .keep = keep, .change_fn = change, .userdata = userdata
	};
	int r = index_make(&apply, err);

	if (!r)
		r = responder_visit(pins_responders(&program->pins), apply_visit, &apply, err);
	if (!r)
		r = delete_all(program, &apply.delete, err);
	for (size_t i = 0; i < apply.delete.count && !r; i++)
		apply.count[responder_family(&apply.delete.rows[i].key.address)]--;
	if (!r)
		r = apply_missing(&apply, err);
	if (!r)
		r = make_room(program, apply.count, err);
	if (!r)
		r = change_set_heads(&program->pins, &apply.change, err);
	if (!r)
		r = responder_write_table(pins_responders(&program->pins), &apply.add, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < apply.add.count; i++)
		sync_later(program, &apply.add.rows[i].key);
	apply.changes.added = apply.add.count;
	apply.changes.deleted = apply.delete.count;
	apply.changes.changed = apply.change.count;
	*ret_changes = apply.changes;
	return 0;
}

int program_put(struct program *program, const struct entry_row *wanted, bool *ret_by_hand,
		struct err *err)
{
	const int *fds = pins_responders(&program->pins);
	size_t count[PINS_FAMILIES] = { program->pins.room[PINS_V4], program->pins.room[PINS_V6] };
	struct entry_row row = *wanted, there;
	int r = responder_get(fds, &wanted->key, &there, err);

	*ret_by_hand = !r && there.head.lease == L2RESP_LEASE_FOREVER;
	if (!r && !*ret_by_hand && !head_same(&there.head, &wanted->head))
		return change_set_heads(&program->pins, &(struct entry_table){ &row, 1 }, err);
	if (r != -ENOENT)
		return r;
	r = responder_insert(fds, &row, err);
	if (r == -E2BIG) {
		count[responder_family(&row.key.address)]++;
		r = make_room(program, count, err);
		r = r ?: responder_insert(pins_responders(&program->pins), &row, err);
	}
	if (!r)
		sync_later(program, &row.key);
	return r;
}

/* What entries may be on: read once for many addresses. */
static int devices_known(struct program *program, struct err *err)
{
	int r = program->known_is_read ? 0
				       : device_read_recorded(&program->pins, &program->known, err);

	program->known_is_read = !r;
	return r;
}

/* The agent's next entry of @key's address, from interface number *at of those on. Returns 1 with
 * @key, 0 where there is none, or a negative errno with @err. */
static int next_entry(struct program *program, struct entry_key *key, unsigned int *at,
		      struct err *err)
{
	struct entry_row there;
	int r = devices_known(program, err);

	while (!r && *at < program->known.count) {
		key->ifindex = program->known.rows[(*at)++].ifindex;
		r = responder_get(pins_responders(&program->pins), key, &there, err);
		if (!r && there.head.lease != L2RESP_LEASE_FOREVER)
			return 1;
		if (r == -ENOENT)
			r = 0;
	}
	return r;
}

int program_remove(struct program *program, const struct address *address, struct err *err)
{
	_cleanup_(remover_close) struct remover remover = {};
	struct entry_key key = { .address = *address };
	unsigned int at = 0;
	int r;

	while ((r = next_entry(program, &key, &at, err)) > 0) {
		r = remover.control ? 0
				    : remover_open(pins_responders(&program->pins), &remover, err);
		if (!r)
			r = remover_remove(&remover, &key, err);
		if (r < 0)
			return r;
		deleted(program, &key);
	}
	return r;
}

int program_stamp(struct program *program, uint8_t slot, uint64_t deadline_ns, struct err *err)
{
	return lease_stamp_write(program->stamper, slot, deadline_ns, err);
}

int program_stamped(const struct program *program, uint8_t slot, uint64_t *ret_deadline_ns,
		    struct err *err)
{
	return lease_stamp_read(program->leases, slot, ret_deadline_ns, err);
}

static void record_undo(struct program *program)
{
	while (program->recorded_count) {
		struct recorded *recorded = &program->recorded[--program->recorded_count];

		device_undo_record(&program->pins, &recorded->link, &recorded->device);
	}
}

/* Records @link, and what it is on where it is a VLAN device. Former addresses may move, so it
 * isn't for the helper to do. */
static int record(struct program *program, const struct link *link, struct err *err)
{
	const struct link *links[] = { link, NULL };
	struct vlan_path path;
	int r = vlan_path_of(link, &path, err);

	if (!r && path.count)
		links[1] = &path.parent;
	program->recorded_count = 0;
	program->known_is_read = false;
	for (size_t i = 0; i < 2 && links[i] && !r; i++) {
		struct recorded *recorded = &program->recorded[program->recorded_count];

		recorded->link = *links[i];
		r = device_record(&program->pins, links[i], &recorded->device, err);
		program->recorded_count += !r;
	}
	if (r < 0)
		record_undo(program);
	return r;
}

static struct helper_request request_for(enum helper_task task, const struct link *link,
					 const struct attach_options *options)
{
	return (struct helper_request){ .task = task,
					.ifindex = link->ifindex,
					.mode = options->mode,
					.priority = options->priority };
}

int program_check(struct program *program, const struct link *link,
		  const struct attach_options *options, struct err *err)
{
	const struct helper_request request = request_for(HELPER_CHECK, link, options);
	int r = program_begin(program, err);

	return r < 0 ? r : helper_call(program->helper, &request, err);
}

int program_ask(struct program *program, enum helper_task task, const struct link *link,
		const struct attach_options *options, struct err *err)
{
	const struct helper_request request = request_for(task, link, options);
	int r = program_begin(program, err);

	if (!r && task == HELPER_ATTACH)
		r = record(program, link, err);
	return r < 0 ? r : helper_send(program->helper, &request, err);
}

void program_answered(struct program *program, const struct helper_answer *answer)
{
	if (answer->task == HELPER_ATTACH && answer->result < 0)
		record_undo(program);
}

int program_counts(struct program *program, struct outcome_counts *ret_counts, struct err *err)
{
	_cleanup_(pins_close) struct pins pins = PINS_NONE;
	struct outcome_counts sum = {};
	struct device_table devices;
	int r = pins_open(program->bpffs, &pins, err);

	if (!r)
		r = device_read_recorded(&pins, &devices, err);
	for (unsigned int i = 0; !r && i < devices.count; i++) {
		struct outcome_counts counts = {};

		r = counts_read(&pins, devices.rows[i].counters_slot, &counts, err);
		for (int outcome = 0; outcome < OUTCOME_COUNT && !r; outcome++)
			sum.count[outcome] += counts.count[outcome];
	}
	if (!r)
		*ret_counts = sum;
	return r;
}

int program_events(const struct program *program, uint32_t *ret_id)
{
	*ret_id = pins_map_id(&program->pins, PINS_EVENTS);
	return program->pins.fd[PINS_EVENTS];
}

int program_has(struct program *program, const struct address *address, struct err *err)
{
	struct entry_key key = { .address = *address };
	unsigned int at = 0;

	return next_entry(program, &key, &at, err);
}
