/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fencing: an entry answers only while the stamp of its lease slot lies ahead. The agent moves the
 * stamp after each confirmed renewal; an agent that is stopped, cut off or dead stops moving it,
 * and the data path goes silent by itself.
 */
#ifndef XDP_L2RESP_LEASE_BPF_H
#define XDP_L2RESP_LEASE_BPF_H

#include "maps.bpf.h"

/* Not inlined: addresses added by hand never get here, and would pay for its registers. */
static __noinline bool lease_stamp_valid(__u32 slot)
{
	const struct lease_stamp *stamp = bpf_map_lookup_elem(&leases, &slot);

	if (!stamp)
		return false;
	/* jiffies64 costs nearly nothing, the boot clock as much as a hash look-up: ask it only
	 * near the lapse */
	return bpf_jiffies64() < stamp->fresh_jiffies ||
	       bpf_ktime_get_boot_ns() < stamp->deadline_ns;
}

/* Of an entry's head, loaded as a word. */
static __always_inline __u8 head_flags(__u64 head)
{
	return head >> 48;
}

static __always_inline bool lease_valid(__u32 slot)
{
	return slot == L2RESP_LEASE_FOREVER || lease_stamp_valid(slot);
}

#endif
