// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <bpf/bpf.h>

#include "meta.h"

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
