/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Visits the elements of a BPF hash map. */
#ifndef XDP_L2RESP_MAP_H
#define XDP_L2RESP_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

/* Called with an element. Returns 0 to go on; a positive number, or a negative errno with @err,
 * ends the visit. */
typedef int map_visit_fn(const void *key, const void *value, void *data, struct err *err);

/*
 * Calls @visit once for each element of hash map @fd, in no order. Elements may be deleted
 * meanwhile, also by @visit: the batch call goes from bucket to bucket, while
 * bpf_map_get_next_key() would start over at a deleted key. Elements that are added or deleted
 * meanwhile may or may not be visited. Returns 0, the value with which @visit ended it, or a
 * negative errno with @err if the map can't be read.
 */
int map_visit(int fd, const char *name, map_visit_fn *visit, void *data, struct err *err);

/* How far a visit has come; zeroed before it begins. */
struct map_cursor {
	uint32_t at;
	bool begun, ended;
};

/* map_visit() of the next thousand elements, or of the rest. */
int map_visit_some(int fd, const char *name, struct map_cursor *cursor, map_visit_fn *visit,
		   void *data, struct err *err);

#endif
