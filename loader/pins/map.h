/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All elements of a BPF hash map. */
#ifndef XDP_L2RESP_MAP_H
#define XDP_L2RESP_MAP_H

#include "err.h"

/* Called with an element. Returns 0, or what ends the visit: a positive number, or a negative errno
 * with @err. */
typedef int map_visit_fn(const void *key, const void *value, void *data, struct err *err);

/*
 * Shows all elements of hash map @fd to @visit, in no order, each once, whatever is deleted
 * meanwhile, by @visit or others: it goes from bucket to bucket, where bpf_map_get_next_key()
 * starts over at a key that is gone. One that is added or deleted meanwhile may or may not be among
 * them. Returns 0, what @visit ended it with, or a negative errno with @err: what can't be read
 * must not pass for nothing being there.
 */
int map_visit(int fd, const char *name, map_visit_fn *visit, void *data, struct err *err);

#endif
