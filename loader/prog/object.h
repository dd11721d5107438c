/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The built-in BPF object of l2resp.bpf.c. */
#ifndef XDP_L2RESP_OBJECT_H
#define XDP_L2RESP_OBJECT_H

#include <stdint.h>

#include "err.h"
#include "link.h"
#include "maps.h"
#include "skeletons.h"

/*
 * Opens the object for an interface without loading it: sets the constants, uses the open @maps,
 * and selects only xdp_l2resp for loading. The caller closes *ret_skeleton. Returns 0 or a negative
 * errno with @err.
 */
int object_open(const struct maps *maps, const struct link *link, uint32_t counters_slot,
		struct l2resp_bpf **ret_skeleton, struct err *err);

/* For _cleanup_(). Safe on NULL. */
void object_close(struct l2resp_bpf **skeleton);

#endif
