/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The map of MACs that user space added to interfaces' filters. */
#ifndef XDP_L2RESP_FILTERS_BPF_H
#define XDP_L2RESP_FILTERS_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "l2resp.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, L2RESP_MAX_FILTERS);
	__type(key, struct filter_key);
	__type(value, __u32);
} filters SEC(".maps");

#endif
