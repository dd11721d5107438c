// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "cleanup.h"
#include "control_object.h"
#include "pin.h"
#include "pins_swap.h"

_Static_assert(MAPS_RESPONDER_V6 - MAPS_RESPONDER_V4 == PINS_V6 - PINS_V4, "one follows the other");

static enum maps_index family_map(enum pins_family family)
{
	return MAPS_RESPONDER_V4 + family;
}

/* Loads only the maps of addresses of families with @room. */
static int load_responders(struct control_bpf *control, const uint32_t room[PINS_FAMILIES])
{
	struct bpf_map *maps[PINS_FAMILIES] = { control->maps.responder_v4,
						control->maps.responder_v6 };
	struct bpf_program *prog;
	struct bpf_map *map;

	bpf_object__for_each_program(prog, control->obj) bpf_program__set_autoload(prog, false);
	/* the skeleton mmaps the data sections, so these maps must exist */
	bpf_object__for_each_map(map, control->obj)
		bpf_map__set_autocreate(map, bpf_map__is_internal(map));
	for (int family = 0; family < PINS_FAMILIES; family++)
		if (room[family]) {
			bpf_map__set_autocreate(maps[family], true);
			bpf_map__set_max_entries(maps[family], room[family]);
		}
	return control_bpf__load(control);
}

int pins_create_responders(const uint32_t room[PINS_FAMILIES], int ret_fds[PINS_FAMILIES],
			   struct err *err)
{
	_cleanup_(control_close) struct control_bpf *control = NULL;
	int fds[PINS_FAMILIES] = { -1, -1 }, r = control_open(&control, err);

	if (r < 0)
		return r;
	r = load_responders(control, room);
	if (r < 0)
		return err_set(err, r, "making room for %u IPv4 and %u IPv6 addresses: %s",
			       room[PINS_V4], room[PINS_V6], strerror(-r));
	for (int family = 0; family < PINS_FAMILIES && !r; family++) {
		const struct bpf_map *map =
			family == PINS_V4 ? control->maps.responder_v4 : control->maps.responder_v6;

		if (room[family])
			fds[family] = fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 0);
		if (room[family] && fds[family] < 0)
			r = err_set(err, negative_errno(), "making a map: %s", strerror(errno));
	}
	if (r < 0)
		for (int family = 0; family < PINS_FAMILIES; family++)
			cleanup_close(&fds[family]);
	else
		memcpy(ret_fds, fds, sizeof(fds));
	return r;
}

/* Replaces the pin of @map by one of the map @fd. */
static int pin_over(const struct pins *pins, enum maps_index map, int fd, struct err *err)
{
	char path[PATH_MAX], beside[PATH_MAX];
	int r = pins_path(pins, map, "", path);

	if (!r)
		r = pins_path(pins, map, PINS_GROWING, beside);
	if (r < 0)
		return err_set(err, r, "%s: %s", pins->maps.dir, strerror(-r));
	/* a killed command may have left it */
	unlink(beside);
	if (bpf_obj_pin(fd, beside) < 0 || rename(beside, path) < 0) {
		r = pin_err(err, negative_errno(), beside);
		unlink(beside);
	}
	return r;
}

static uint32_t room_of(int fd)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &size) ? 0 : info.max_entries;
}

int pins_swap_responders(struct pins *pins, int fds[PINS_FAMILIES], struct err *err)
{
	struct err ignored;
	int done = 0, r = 0;

	while (done < PINS_FAMILIES && !r) {
		if (fds[done] >= 0)
			r = pin_over(pins, family_map(done), fds[done], err);
		done += !r;
	}
	if (r < 0) {
		while (done-- > 0)
			if (fds[done] >= 0)
				pin_over(pins, family_map(done), pins->maps.fd[family_map(done)],
					 &ignored);
		return r;
	}
	for (int family = 0; family < PINS_FAMILIES; family++) {
		int former = pins->maps.fd[family_map(family)];

		if (fds[family] < 0)
			continue;
		pins->maps.fd[family_map(family)] = fds[family];
		pins->room[family] = room_of(fds[family]);
		fds[family] = former;
	}
	return 0;
}
