/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fencing: an entry answers only while the stamp of its lease slot lies ahead. The agent moves the
 * stamp after each confirmed renewal; an agent that is stopped, cut off or dead stops moving it,
 * and the data path goes silent by itself.
 */
#ifndef XDP_L2RESP_LEASE_BPF_H
#define XDP_L2RESP_LEASE_BPF_H

#include "maps.bpf.h"

/* An entry's head, loaded as a word, ends in the lease's slot. From here on it has one that ends.
 */
#define HEAD_LEASED ((__u64)(L2RESP_LEASE_FOREVER + 1) << 56)

/*
 * @key, the copy of its key that an entry carries, for loads that every CPU makes after that of
 * @head: they are at an address that depends on it. Only then does the copy tell whether @head is
 * this key's (control_remove()).
 */
static __always_inline const void *key_after(const void *key, __u64 head)
{
	__u64 none = 0;

	barrier_var(none); /* else clang knows that the sum is @key */
	return key + (head & none);
}

static __always_inline __u8 head_flags(__u64 head)
{
	return head >> 48;
}

/* A leased entry's @head while its lease is valid, else 0. Not inlined: addresses added by hand
 * never get here, and would pay for its registers. Nor must its caller keep the head meanwhile. */
__noinline __u64 lease_head(__u64 head)
{
	__u32 slot = head >> 56;
	const struct lease_stamp *stamp = bpf_map_lookup_elem(&leases, &slot);

	if (!stamp)
		return 0;
	/* the boot clock goes on while the machine is suspended, which jiffies don't */
	if (bpf_ktime_get_boot_ns() >= stamp->deadline_ns)
		return 0;
	return head;
}

#endif
