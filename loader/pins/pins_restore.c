// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <bpf/bpf.h>

#include "pins_create.h"
#include "pins_restore.h"

/* Bits of the maps of @former that are pinned nowhere. None where another one is pinned in the
 * place of one of them, or can't be asked for. */
static uint32_t gone(const struct pins *former)
{
	uint32_t bits = 0;

	for (enum pins_map map = 0; map < PINS_MAP_COUNT; map++) {
		int r = map == PINS_META || former->maps.fd[map] < 0 ? 1
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
	uint32_t bits = gone(former);

	if (bits && mkdir(pins->maps.dir, 0700) < 0 && errno != EEXIST)
		return pins_err_access(err, negative_errno(), pins->maps.dir);
	for (enum pins_map map = 0; map < PINS_MAP_COUNT; map++) {
		char path[PATH_MAX];

		if (!(bits & 1U << map))
			continue;
		if (pins_path(pins, map, "", path) < 0 ||
		    bpf_obj_pin(former->maps.fd[map], path) < 0)
			return pins_err_access(err, negative_errno(), path);
	}
	pins->restored = bits;
	return 0;
}
