// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>

#include "alloc.h"
#include "cleanup.h"
#include "control.h"
#include "control_object.h"
#include "device_table.h"
#include "leased.h"
#include "pins.h"

struct leased {
	char *bpffs;
	struct pins pins; /* opened for reading: no lock is held */
	struct control_bpf *control;
	uint32_t devices[L2RESP_MAX_DEVICES];
	size_t device_count;
};

static int devices_read(struct leased *leased, const struct pins *pins, struct err *err)
{
	struct device_table devices;
	int r = device_read_recorded(pins, &devices, err);

	if (r < 0)
		return r;
	for (unsigned int i = 0; i < devices.count; i++)
		leased->devices[i] = devices.rows[i].ifindex;
	leased->device_count = devices.count;
	return 0;
}

/* Loads only the programs that change leased entries, over the maps of @pins. */
static int control_load(const struct pins *pins, struct control_bpf **ret_control, struct err *err)
{
	_cleanup_(control_close) struct control_bpf *control = NULL;
	struct bpf_program *program;
	struct bpf_map *map;
	int r = control_open(&control, err);

	if (r < 0)
		return r;
	bpf_object__for_each_program(program, control->obj) bpf_program__set_autoload(
		program, program == control->progs.control_set_leased ||
				 program == control->progs.control_remove_leased);
	bpf_object__for_each_map(map, control->obj)
		bpf_map__set_autocreate(map, bpf_map__is_internal(map) ||
						     map == control->maps.responder_v4 ||
						     map == control->maps.responder_v6);
	r = bpf_map__reuse_fd(control->maps.responder_v4, pins->maps.fd[MAPS_RESPONDER_V4]);
	if (!r)
		r = bpf_map__reuse_fd(control->maps.responder_v6, pins->maps.fd[MAPS_RESPONDER_V6]);
	if (!r)
		r = control_bpf__load(control);
	if (r < 0)
		return err_set(err, r, "loading the programs that change leased entries: %s",
			       strerror(-r));
	*ret_control = TAKE_PTR(control);
	return 0;
}

static int maps_open(struct leased *leased, struct err *err)
{
	_cleanup_(control_close) struct control_bpf *control = NULL;
	struct pins pins = PINS_NONE;
	int r = pins_open_now(leased->bpffs, &pins, err);

	if (r == -ENOENT)
		err_write(err, "%s: nothing is pinned", leased->bpffs);
	if (!r)
		r = control_load(&pins, &control, err);
	if (!r)
		r = devices_read(leased, &pins, err);
	if (r < 0) {
		pins_close(&pins);
		return r;
	}
	pins_close(&leased->pins);
	control_bpf__destroy(leased->control);
	leased->pins = pins;
	leased->control = control;
	control = NULL;
	return 0;
}

int leased_open(const char *bpffs, struct leased **ret_leased, struct err *err)
{
	struct leased *leased = xcalloc(1, sizeof(*leased));
	int r;

	leased->pins = PINS_NONE;
	leased->bpffs = xstrdup(bpffs);
	r = maps_open(leased, err);
	if (r < 0) {
		leased_close(leased);
		return r;
	}
	*ret_leased = leased;
	return 0;
}

void leased_close(struct leased *leased)
{
	if (!leased)
		return;
	control_bpf__destroy(leased->control);
	pins_close(&leased->pins);
	free(leased->bpffs);
	free(leased);
}

/* True if the open maps are the pinned ones, or nothing is pinned. */
static bool are_pinned(const struct leased *leased)
{
	static const enum maps_index maps[] = { MAPS_RESPONDER_V4, MAPS_RESPONDER_V6, MAPS_LEASES };

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		int r = pins_is_pinned(&leased->pins, maps[i]);

		if (r != 1 && r != -ENOENT)
			return false;
	}
	return true;
}

int leased_follow(struct leased *leased, struct err *err)
{
	int r;

	if (are_pinned(leased))
		return 0;
	r = maps_open(leased, err);
	return r < 0 ? r : 1;
}

int leased_stamps_fd(const struct leased *leased)
{
	return leased->pins.maps.fd[MAPS_LEASES];
}

const uint32_t *leased_devices(const struct leased *leased, size_t *ret_count)
{
	*ret_count = leased->device_count;
	return leased->devices;
}

static int run(const struct bpf_program *program, void *args, size_t size, struct err *err)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = size);
	int r = bpf_prog_test_run_opts(bpf_program__fd(program), &opts);

	return r < 0 ? err_set(err, r, "changing a leased entry: %s", strerror(-r))
		     : (int)opts.retval;
}

static int change(struct leased *leased, const struct entry_row *row, enum leased_put *ret_done,
		  struct err *err)
{
	struct control_set_head args = { .key = row_control_key(&row->key), .head = row->head };
	int r = run(leased->control->progs.control_set_leased, &args, sizeof(args), err);

	if (r < 0)
		return r;
	if (r == CONTROL_ABSENT)
		return err_set(err, -EAGAIN, "an entry was deleted meanwhile");
	*ret_done = r == CONTROL_DONE ? LEASED_CHANGED : LEASED_BY_HAND;
	return 0;
}

int leased_put(struct leased *leased, const struct entry_row *row, enum leased_put *ret_done,
	       struct err *err)
{
	const int *fds = pins_responders(&leased->pins);
	struct entry_row existing;
	int r = responder_get(fds, &row->key, &existing, err);

	if (r == -ENOENT) {
		*ret_done = LEASED_ADDED;
		r = responder_insert(fds, row, err);
		return r == -EEXIST ? err_set(err, -EAGAIN, "an entry was added meanwhile") : r;
	}
	if (r < 0)
		return r;
	/* the program doesn't answer for a damaged entry */
	if (existing.damaged && existing.head.lease != L2RESP_LEASE_FOREVER) {
		r = leased_remove(leased, &row->key, err);
		*ret_done = LEASED_CHANGED;
		return r < 0 ? r : responder_insert(fds, row, err);
	}
	if (existing.head.lease == L2RESP_LEASE_FOREVER) {
		*ret_done = LEASED_BY_HAND;
		return 0;
	}
	*ret_done = LEASED_PRESENT;
	if (!memcmp(&existing.head, &row->head, sizeof(row->head)))
		return 0;
	return change(leased, row, ret_done, err);
}

int leased_has(const struct leased *leased, const struct entry_key *key, struct err *err)
{
	struct entry_row row;
	int r = responder_get(pins_responders(&leased->pins), key, &row, err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return row.head.lease != L2RESP_LEASE_FOREVER;
}

int leased_remove(struct leased *leased, const struct entry_key *key, struct err *err)
{
	struct control_key args = row_control_key(key);
	int r = run(leased->control->progs.control_remove_leased, &args, sizeof(args), err);

	return r < 0 ? r : r == CONTROL_DONE;
}

int leased_gone(struct leased *leased, struct err *err)
{
	struct pins_meta meta;
	uint32_t slot = 0;

	if (bpf_map_lookup_elem(leased->pins.maps.fd[MAPS_META], &slot, &meta) < 0)
		return err_set(err, negative_errno(), "reading meta: %s", strerror(errno));
	if (meta.unsettled || !are_pinned(leased))
		return err_set(err, -EAGAIN, "the maps are being replaced");
	return 0;
}

struct purge {
	struct leased *leased;
	leased_keep_fn *keep;
	void *userdata;
	struct entry_table unwanted;
	size_t capacity;
};

static int purge_visit(const struct entry_row *row, void *data, struct err *err)
{
	struct purge *purge = data;

	if (row->head.lease == L2RESP_LEASE_FOREVER ||
	    purge->keep(&row->key.address, row->head.lease, purge->userdata))
		return 0;
	entry_table_add(&purge->unwanted, &purge->capacity, row);
	return 0;
}

int leased_purge(struct leased *leased, leased_keep_fn *keep, void *userdata, struct err *err)
{
	struct purge purge = { .leased = leased, .keep = keep, .userdata = userdata };
	int r = devices_read(leased, &leased->pins, err);

	if (!r)
		r = responder_visit(pins_responders(&leased->pins), purge_visit, &purge, err);
	for (size_t i = 0; i < purge.unwanted.count && r >= 0; i++)
		r = leased_remove(leased, &purge.unwanted.rows[i].key, err);
	entry_table_free(&purge.unwanted);
	return r < 0 ? r : leased_gone(leased, err);
}
