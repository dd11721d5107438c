// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <bpf/bpf.h>

#include "link.h"
#include "pins_meta.h"

int meta_read(int fd, const char *dir, struct pins_meta *ret_meta, struct err *err)
{
	uint32_t slot = 0;

	if (bpf_map_lookup_elem(fd, &slot, ret_meta) < 0)
		return err_set(err, negative_errno(), "%s/meta: %s", dir, strerror(errno));
	return 0;
}

int meta_write(int fd, const char *dir, const struct pins_meta *meta, struct err *err)
{
	uint32_t slot = 0;

	if (bpf_map_update_elem(fd, &slot, meta, BPF_ANY) < 0)
		return err_set(err, negative_errno(), "%s/meta: %s", dir, strerror(errno));
	return 0;
}

static int read_meta(const struct pins *pins, struct pins_meta *ret_meta, struct err *err)
{
	return meta_read(pins->maps.fd[MAPS_META], pins->maps.dir, ret_meta, err);
}

static int write_meta(const struct pins *pins, const struct pins_meta *meta, struct err *err)
{
	return meta_write(pins->maps.fd[MAPS_META], pins->maps.dir, meta, err);
}

int pins_set_max_entries(struct pins *pins, uint32_t max_entries, struct err *err)
{
	struct pins_meta meta;
	int r = read_meta(pins, &meta, err);

	meta.max_entries = max_entries;
	r = r ?: write_meta(pins, &meta, err);
	if (!r)
		pins->max_entries = max_entries;
	return r;
}

int pins_adopt(struct pins *pins, struct err *err)
{
	struct pins_meta meta;
	uint64_t netns_cookie;
	int r = read_meta(pins, &meta, err);

	if (!r)
		r = link_netns_cookie(&netns_cookie, err);
	meta.netns_cookie = netns_cookie;
	/* no program reads these maps */
	meta.unsettled = false;
	r = r ?: write_meta(pins, &meta, err);
	if (!r)
		pins->orphaned = pins->unsettled = false;
	return r;
}
