// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <bpf/libbpf.h>

#include "cleanup.h"
#include "object.h"
#include "pin.h"

void object_close(struct l2resp_bpf **skeleton)
{
	l2resp_bpf__destroy(*skeleton);
}

static void set_origin(struct pins_origin *origin, const struct maps *maps)
{
	char mount_point[PATH_MAX];

	memcpy(mount_point, maps->dir, sizeof(mount_point));
	pin_mount_point(mount_point);
	snprintf(origin->dir, sizeof(origin->dir), "%.*s", L2RESP_PINS_DIR_SIZE - 1, maps->dir);
	origin->mount_point = strlen(mount_point);
	origin->dev_major = major(maps->bpffs_dev);
	origin->dev_minor = minor(maps->bpffs_dev);
}

int object_open(const struct maps *maps, const struct link *link, uint32_t counters_slot,
		struct l2resp_bpf **ret_skeleton, struct err *err)
{
	_cleanup_(object_close) struct l2resp_bpf *skeleton = l2resp_bpf__open();
	struct bpf_map *map;
	int r;

	if (!skeleton)
		return err_set(err, negative_errno(), "opening the built-in BPF object: %s",
			       strerror(errno));
	bpf_program__set_autoload(skeleton->progs.l2resp_explain, false);
	skeleton->rodata->attached_ifindex = link->ifindex;
	skeleton->rodata->counters_slot = counters_slot;
	set_origin((struct pins_origin *)&skeleton->rodata->pins_origin, maps);
	r = link_netns_cookie((uint64_t *)&skeleton->rodata->netns_cookie, err);
	if (r < 0)
		return r;
	for (enum maps_index pin = 0; pin < MAPS_COUNT; pin++) {
		map = bpf_object__find_map_by_name(skeleton->obj, maps_name(pin));
		/* only user space uses it; or a dry run without pins */
		if (!map || maps->fd[pin] < 0)
			continue;
		r = bpf_map__reuse_fd(map, maps->fd[pin]);
		if (r < 0)
			return err_set(err, r, "using the pinned map %s: %s", maps_name(pin),
				       strerror(-r));
	}
	*ret_skeleton = TAKE_PTR(skeleton);
	return 0;
}
