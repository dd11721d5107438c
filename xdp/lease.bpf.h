/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fencing: an entry answers only until the deadline in its lease slot's stamp. The agent moves the
 * deadline after each confirmed renewal. If the agent is stopped, cut off or dead, the deadline
 * passes, and the data path goes silent by itself.
 */
#ifndef XDP_L2RESP_LEASE_BPF_H
#define XDP_L2RESP_LEASE_BPF_H

#include "maps.bpf.h"

/* The lease slot is the highest byte of an entry's head: from this value on, the entry is leased.
 */
#define HEAD_LEASED ((__u64)(L2RESP_LEASE_FOREVER + 1) << 56)

/*
 * Returns @key, the key in an entry's value, so that loads from it happen after that of @head on
 * every CPU: their address depends on @head. Only in this order does the key show whether @head
 * belongs to it (control_remove()).
 */
static __always_inline const void *key_after(const void *key, __u64 head)
{
	__u64 none = 0;

	barrier_var(none); /* else clang removes the dependency */
	return key + (head & none);
}

static __always_inline __u8 head_flags(__u64 head)
{
	return head >> 48;
}

/* Returns a leased entry's @head if its lease is valid, else 0. Not inlined, so that addresses
 * added by hand don't pay for its registers. Returns @head so that the caller needn't keep it. */
__noinline __u64 lease_head(__u64 head)
{
	__u32 slot = head >> 56;
	const struct lease_stamp *stamp = bpf_map_lookup_elem(&leases, &slot);

	if (!stamp)
		return 0;
	/* the boot clock, unlike jiffies, runs while the machine is suspended */
	if (bpf_ktime_get_boot_ns() >= stamp->deadline_ns)
		return 0;
	return head;
}

#endif
