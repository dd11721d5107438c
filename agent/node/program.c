// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>

#include "adopt.h"
#include "alloc.h"
#include "cleanup.h"
#include "clock.h"
#include "device.h"
#include "filter.h"
#include "grow.h"
#include "lease_stamp.h"
#include "log.h"
#include "pins.h"
#include "program.h"
#include "vlan.h"

/* Interfaces with work for the end of the turn. */
struct devices {
	uint32_t ifindex[L2RESP_MAX_DEVICES];
	size_t count;
};

/* A record made for the helper's attach; there is one for a VLAN device's hook, too. */
struct recorded {
	struct link link;
	struct device_recorded device;
};

struct program {
	char *bpffs;
	struct helper *helper;
	struct pins view;	 /* opened for reading */
	struct pins pins;	 /* while locked */
	struct devices unsynced; /* their multicast groups may have changed */
	bool all_unsynced;
	bool filters_failed;	     /* some of them */
	struct devices deleted;	     /* addresses were removed from them */
	struct recorded recorded[2]; /* while the helper attaches */
	unsigned int recorded_count;
	struct responder_cursor cursor; /* of a visit */
	/* counted by it until now, and by the last one; including those added by hand */
	size_t counted[PINS_FAMILIES], entries[PINS_FAMILIES];
};

/* Lets the helper grow the maps or, if @room is NULL, finish an interrupted growth, then opens them
 * again. */
static int grow(struct program *program, const uint32_t *room, struct err *err)
{
	struct helper_request request = { .task = HELPER_GROW };
	struct pins pins = PINS_NONE;
	int r;

	if (helper_busy(program->helper))
		return err_set(err, -EAGAIN, "the attach helper is busy");
	if (room)
		memcpy(request.room, room, sizeof(request.room));
	r = helper_call(program->helper, &request, err);
	if (!r)
		r = pins_open_now(program->bpffs, &pins, err);
	if (r < 0)
		return r;
	pins.lock_fd = program->pins.lock_fd;
	program->pins.lock_fd = -1;
	pins_close(&program->pins);
	program->pins = pins;
	return 0;
}

static void log_repaired(const struct pins *pins, uint32_t maps, const char *how)
{
	char names[256] = "";

	for (enum maps_index map = 0; map < MAPS_COUNT; map++) {
		size_t length = strlen(names);

		if (maps & 1U << map)
			snprintf(names + length, sizeof(names) - length, "%s%s", length ? ", " : "",
				 pins_pin_name(map));
	}
	if (*names)
		log_say(LOG_WARNING, "repaired: somebody removed pins below %s; %s: %s",
			pins->maps.dir, how, names);
}

int program_begin(struct program *program, struct err *err)
{
	struct pins pins = PINS_NONE;
	int r;

	if (program->pins.lock_fd >= 0)
		return 0;
	/* doesn't wait: a CLI that imports a million addresses has the lock for seconds, in which
	 * leases must be renewed */
	r = pins_try_open_locked(program->bpffs, &program->view, &pins, err);
	log_repaired(&pins, pins.restored, "pinned again");
	/* at the start no process has them open */
	if (program->view.maps.fd[MAPS_META] < 0)
		log_repaired(&pins, pins.remade, "made anew, empty");
	if (!r)
		r = adopt_pins(&pins, log_warn, err);
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

static void sync_filters(struct program *program)
{
	if (program->all_unsynced)
		program->filters_failed |= filter_sync_all(&program->pins, log_warn) < 0;
	else
		for (size_t i = 0; i < program->unsynced.count; i++)
			program->filters_failed |=
				filter_sync(&program->pins, program->unsynced.ifindex[i],
					    log_warn) < 0;
	program->all_unsynced = false;
	program->unsynced.count = 0;
}

void program_retry_filters(struct program *program)
{
	program->all_unsynced |= program->filters_failed;
	program->filters_failed = false;
}

void program_end(struct program *program)
{
	struct err err;

	if (program->pins.lock_fd < 0)
		return;
	sync_filters(program);
	for (size_t i = 0; i < program->deleted.count; i++)
		if (vlan_deleted(&program->pins, program->deleted.ifindex[i], &err) < 0)
			log_say(LOG_WARNING, "%s", err.text);
	program->deleted.count = 0;
	pins_close(&program->pins);
}

int program_new(const char *bpffs, struct helper *helper, struct program **ret_program,
		struct err *err)
{
	struct program *program = xcalloc(1, sizeof(*program));
	int r;

	program->pins = program->view = PINS_NONE;
	program->helper = helper;
	program->bpffs = xstrdup(bpffs);
	r = program_begin(program, err);
	if (r < 0) {
		free(program->bpffs);
		free(program);
		return r;
	}
	program_end(program);
	*ret_program = program;
	return 0;
}

/* Removes rows and filters without an address: the lease thread sends no news of its last removals.
 */
static void tidy_up(struct program *program)
{
	struct err err;
	int r = program_begin(program, &err);

	if (!r) {
		filter_sync_all(&program->pins, log_warn);
		r = vlan_deleted(&program->pins, 0, &err);
	}
	if (r < 0)
		log_say(LOG_WARNING, "%s", err.text);
	program_end(program);
}

void program_free(struct program *program)
{
	if (!program)
		return;
	tidy_up(program);
	pins_close(&program->view);
	free(program->bpffs);
	free(program);
}

/* False: there is no room. */
static bool devices_add(struct devices *devices, uint32_t ifindex)
{
	for (size_t i = 0; i < devices->count; i++)
		if (devices->ifindex[i] == ifindex)
			return true;
	if (devices->count == L2RESP_MAX_DEVICES)
		return false;
	devices->ifindex[devices->count++] = ifindex;
	return true;
}

void program_touch(struct program *program, uint32_t ifindex, bool filtered, bool removed)
{
	/* each interface once, however many of its entries change */
	if (filtered && !devices_add(&program->unsynced, ifindex))
		program->all_unsynced = true;
	if (removed)
		devices_add(&program->deleted, ifindex);
}

void program_group_left(uint32_t ifindex, void *program)
{
	if (ifindex)
		program_touch(program, ifindex, true, false);
	else
		program_touch_all(program);
}

void program_touch_all(struct program *program)
{
	program->all_unsynced = true;
}

bool program_touched(const struct program *program)
{
	return program->all_unsynced || program->unsynced.count || program->deleted.count;
}

int program_grow(struct program *program, const size_t more[PINS_FAMILIES], struct err *err)
{
	const struct pins *pins = &program->pins;
	size_t count[PINS_FAMILIES];
	uint32_t room[PINS_FAMILIES];

	/* existing entries may stay, even beyond the bound */
	for (int family = 0; family < PINS_FAMILIES; family++) {
		count[family] = pins->room[family] + more[family];
		if (count[family] > pins->max_entries)
			count[family] = pins->max_entries;
	}
	if (!grow_needed(pins, count, room))
		return err_set(err, -ENOSPC,
			       "there are more addresses than there may be of a family: %u; "
			       "`xdp-l2resp attach IFACE --max-entries N` allows more",
			       pins->max_entries);
	return grow(program, room, err);
}

void program_follow(struct program *program)
{
	static const enum maps_index maps[] = { MAPS_RESPONDER_V4, MAPS_RESPONDER_V6, MAPS_LEASES };
	struct pins pins = PINS_NONE;
	bool current = program->view.maps.fd[MAPS_LEASES] >= 0;
	struct err err;

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]) && current; i++)
		current = pins_is_pinned(&program->view, maps[i]) == 1;
	/* if nothing is pinned, keep the view of the former maps */
	if (current || pins_open_now(program->bpffs, &pins, &err) < 0)
		return;
	pins_close(&program->view);
	program->view = pins;
	program_visit_begin(program);
}

struct visit {
	size_t *counted;
	responder_visit_fn *visit;
	void *data;
};

static int visit_leased(const struct entry_row *row, void *data, struct err *err)
{
	struct visit *visit = data;

	visit->counted[responder_family(&row->key.address)]++;
	return row->head.lease == L2RESP_LEASE_FOREVER ? 0 : visit->visit(row, visit->data, err);
}

void program_visit_begin(struct program *program)
{
	program->cursor = (struct responder_cursor){};
	memset(program->counted, 0, sizeof(program->counted));
}

int program_visit_some(struct program *program, responder_visit_fn *visit, void *data,
		       struct err *err)
{
	struct visit leased = { program->counted, visit, data };
	int r = responder_visit_some(pins_responders(&program->view), &program->cursor,
				     visit_leased, &leased, err);

	if (r || program->cursor.family < PINS_FAMILIES)
		return r ?: 1;
	memcpy(program->entries, program->counted, sizeof(program->entries));
	return 0;
}

void program_room(const struct program *program, size_t ret_room[PINS_FAMILIES])
{
	const struct pins *pins = &program->pins;

	for (int family = 0; family < PINS_FAMILIES; family++)
		ret_room[family] = program->entries[family] < pins->max_entries
					   ? pins->max_entries - program->entries[family]
					   : 0;
}

bool program_answers(struct program *program, const struct address *address, uint32_t ifindex,
		     uint8_t ret_mac[ETH_ALEN])
{
	const struct entry_key key = { *address, ifindex };
	struct entry_row row;
	uint64_t until_ns;
	struct err err;

	if (responder_get(pins_responders(&program->view), &key, &row, &err) < 0 || row.damaged ||
	    row.head.lease == L2RESP_LEASE_FOREVER ||
	    lease_stamp_read(program->view.maps.fd[MAPS_LEASES], row.head.lease, &until_ns, &err) <
		    0 ||
	    until_ns <= clock_boot_ns())
		return false;
	memcpy(ret_mac, row.head.mac, ETH_ALEN);
	return true;
}

uint64_t program_answers_sent(struct program *program, const struct address *address,
			      uint32_t ifindex)
{
	const struct entry_key key = { *address, ifindex };
	struct entry_row row;
	struct err err;

	return responder_get(pins_responders(&program->view), &key, &row, &err) < 0
		       ? 0
		       : row.responses_sent;
}

int program_conflicts(struct program *program, struct conflict_table *ret_table, struct err *err)
{
	return conflict_read_all(&program->view, ret_table, err);
}

static void record_undo(struct program *program)
{
	while (program->recorded_count) {
		struct recorded *recorded = &program->recorded[--program->recorded_count];

		device_undo_record(&program->pins, &recorded->link, &recorded->device);
	}
}

/* Records @link and, for a VLAN device, its hook. Not done by the helper, since it may move
 * entries of a former interface. */
static int record(struct program *program, const struct link *link, struct err *err)
{
	const struct link *links[] = { link, NULL };
	struct vlan_path path;
	int r = vlan_path_of(link, &path, err);

	if (!r && path.hook.ifindex != link->ifindex)
		links[1] = &path.hook;
	program->recorded_count = 0;
	for (size_t i = 0; i < 2 && links[i] && !r; i++) {
		struct recorded *recorded = &program->recorded[program->recorded_count];

		recorded->link = *links[i];
		r = device_record(&program->pins, links[i], log_warn, &recorded->device, err);
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
	int r = pins_open_now(program->bpffs, &pins, err);

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
	*ret_id = pins_map_id(&program->pins, MAPS_EVENTS);
	return program->pins.maps.fd[MAPS_EVENTS];
}
