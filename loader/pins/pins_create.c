// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "denied.h"
#include "pin.h"
#include "pins_meta.h"
#include "pins_create.h"

bool pins_map_grows(enum maps_index map)
{
	return map >= MAPS_RESPONDER_V4 && map <= MAPS_RESPONDER_V6;
}

/*
 * An LRU map gives free elements to CPUs 128 at a time (LOCAL_FREE_TARGET in
 * kernel/bpf/bpf_lru_list.c), and evicts old ones when it has none left for a CPU, even if other
 * CPUs hold free ones.
 */
#define LRU_FREE_PER_CPU 128

static uint32_t conflicts_size(void)
{
	int cpus = libbpf_num_possible_cpus();

	return L2RESP_MAX_CONFLICTS + (cpus > 0 ? cpus : 0) * LRU_FREE_PER_CPU;
}

static int stamp_forever(int leases_fd)
{
	uint32_t slot = L2RESP_LEASE_FOREVER;
	struct lease_stamp forever = { .deadline_ns = UINT64_MAX };

	return bpf_map_update_elem(leases_fd, &slot, &forever, BPF_ANY);
}

/*
 * Creates the missing maps, with their BTF, without loading @control's programs. libbpf omits a map
 * flag that the kernel doesn't seem to know, even if only its probe failed: such a map would have
 * another layout, so check for it.
 */
static int create_absent(const struct pins *pins, struct control_bpf *control, struct err *err)
{
	uint32_t room =
		pins->max_entries < L2RESP_FIRST_ROOM ? pins->max_entries : L2RESP_FIRST_ROOM;
	struct bpf_map *maps[MAPS_COUNT];
	uint32_t flags[MAPS_COUNT];
	struct bpf_program *prog;
	int r;

	for (enum maps_index map = 0; map < MAPS_COUNT; map++) {
		maps[map] = bpf_object__find_map_by_name(control->obj, maps_name(map));
		flags[map] = bpf_map__map_flags(maps[map]);
		if (pins->maps.fd[map] >= 0)
			r = bpf_map__reuse_fd(maps[map], pins->maps.fd[map]);
		else if (pins_map_grows(map))
			r = bpf_map__set_max_entries(maps[map], room);
		else if (map == MAPS_CONFLICTS)
			r = bpf_map__set_max_entries(maps[map], conflicts_size());
		else
			r = 0;
		if (r < 0)
			return err_set(err, r, "preparing map %s: %s", maps_name(map),
				       strerror(-r));
	}
	bpf_object__for_each_program(prog, control->obj) bpf_program__set_autoload(prog, false);
	r = control_bpf__load(control);
	if (r < 0)
		return denied_add(err, err_set(err, r, "creating the maps: %s", strerror(-r)));
	for (enum maps_index map = 0; map < MAPS_COUNT; map++)
		if (bpf_map__map_flags(maps[map]) != flags[map])
			return err_set(
				err, -EAGAIN,
				"creating the maps: can't find out whether the kernel supports "
				"the flags of map %s; try again",
				maps_name(map));
	return 0;
}

int pins_create_absent(struct pins *pins, struct control_bpf *control, uint64_t netns_cookie,
		       struct err *err)
{
	const struct pins_meta meta = { .schema_version = L2RESP_SCHEMA_VERSION,
					.netns_cookie = netns_cookie,
					.max_entries = pins->max_entries };
	int r = create_absent(pins, control, err);

	if (r < 0)
		return r;
	if (pins->maps.fd[MAPS_LEASES] < 0)
		r = stamp_forever(bpf_map__fd(control->maps.leases));
	if (r < 0)
		return err_set(err, negative_errno(), "preparing the maps: %s", strerror(errno));
	if (pins->maps.fd[MAPS_META] < 0)
		r = meta_write(bpf_map__fd(control->maps.meta), pins->maps.dir, &meta, err);
	if (r < 0)
		return r;
	if (mkdir(pins->maps.dir, 0700) < 0 && errno != EEXIST)
		return pin_err(err, negative_errno(), pins->maps.dir);
	for (enum maps_index map = 0; map < MAPS_COUNT; map++) {
		struct bpf_map *made;
		char path[PATH_MAX];

		if (pins->maps.fd[map] >= 0)
			continue;
		made = bpf_object__find_map_by_name(control->obj, maps_name(map));
		if (pins_path(pins, map, "", path) < 0 || bpf_obj_pin(bpf_map__fd(made), path) < 0)
			return pin_err(err, negative_errno(), path);
		pins->maps.fd[map] = fcntl(bpf_map__fd(made), F_DUPFD_CLOEXEC, 0);
		if (pins->maps.fd[map] < 0)
			return err_set(err, negative_errno(), "%s: %s", path, strerror(errno));
		if (pins_map_grows(map))
			pins->room[map - MAPS_RESPONDER_V4] = bpf_map__max_entries(made);
	}
	return 0;
}

/* Returns the bits of @former's maps whose pin is missing; 0 if another map is pinned in place of
 * one of them, or a pin can't be read. */
static uint32_t missing_pins(const struct pins *former)
{
	uint32_t bits = 0;

	for (enum maps_index map = 0; map < MAPS_COUNT; map++) {
		int r = map == MAPS_META || former->maps.fd[map] < 0 ? 1
								     : pins_is_pinned(former, map);

		if (r == -ENOENT)
			bits |= 1U << map;
		else if (r != 1)
			return 0;
	}
	return bits;
}

int pins_restore(struct pins *pins, const struct pins *former, struct err *err)
{
	uint32_t bits = missing_pins(former);

	if (bits && mkdir(pins->maps.dir, 0700) < 0 && errno != EEXIST)
		return pin_err(err, negative_errno(), pins->maps.dir);
	for (enum maps_index map = 0; map < MAPS_COUNT; map++) {
		char path[PATH_MAX];

		if (!(bits & 1U << map))
			continue;
		errno = 0;
		if (pins_path(pins, map, "", path) < 0 ||
		    (bpf_obj_pin(former->maps.fd[map], path) < 0 && errno != EEXIST))
			return pin_err(err, negative_errno(), path);
		/* a link to nowhere: opening it fails */
		if (errno == EEXIST)
			bits &= ~(1U << map);
	}
	pins->restored = bits;
	return 0;
}
