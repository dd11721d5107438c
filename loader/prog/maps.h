/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The maps that programs share, opened, and the directory of their pins. */
#ifndef XDP_L2RESP_MAPS_H
#define XDP_L2RESP_MAPS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "l2resp.h"

enum pins_map {
	PINS_META,
	PINS_DEVICES,
	PINS_LEASES,
	PINS_COUNTERS,
	PINS_CONFLICTS,
	PINS_VLANS,
	PINS_EVENTS,
	PINS_TRACE,
	PINS_TRACE_CONTROL,
	PINS_FILTERS,
	PINS_RESPONDER_V4,
	PINS_RESPONDER_V6,
	PINS_MAP_COUNT,
};

struct maps {
	char dir[PATH_MAX];
	dev_t bpffs_dev;
	int fd[PINS_MAP_COUNT]; /* -1: not open */
};

/* Returns @map's name in the BPF objects. */
const char *pins_map_name(enum pins_map map);

/* Returns the kernel's id of an open map, or 0 on failure. */
uint32_t maps_id(const struct maps *maps, enum pins_map map);

/* True if @origin's file system is mounted at its path in the caller's mount namespace. */
bool maps_bpffs_here(const struct pins_origin *origin);

/* True if any process in /proc has @origin's file system mounted. */
bool maps_bpffs_mounted(const struct pins_origin *origin);

#endif
