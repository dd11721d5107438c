/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The maps that programs share, opened, and the directory of their pins. */
#ifndef XDP_L2RESP_MAPS_H
#define XDP_L2RESP_MAPS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "l2resp.h"

enum maps_index {
	MAPS_META,
	MAPS_DEVICES,
	MAPS_LEASES,
	MAPS_COUNTERS,
	MAPS_CONFLICTS,
	MAPS_VLANS,
	MAPS_EVENTS,
	MAPS_TRACE,
	MAPS_TRACE_CONTROL,
	MAPS_FILTERS,
	MAPS_RESPONDER_V4,
	MAPS_RESPONDER_V6,
	MAPS_COUNT,
};

struct maps {
	char dir[PATH_MAX];
	dev_t bpffs_dev;
	int fd[MAPS_COUNT]; /* -1: not open */
};

/* Returns @map's name in the BPF objects. */
const char *maps_name(enum maps_index map);

/* Returns the kernel's id of @map, or 0 if it isn't open or can't be read. */
uint32_t maps_id(const struct maps *maps, enum maps_index map);

/* As maps_id() of the map @fd. */
uint32_t maps_id_of(int fd);

#endif
