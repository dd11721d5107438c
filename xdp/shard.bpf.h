/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef XDP_L2RESP_SHARD_BPF_H
#define XDP_L2RESP_SHARD_BPF_H

#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#include "l2resp.h"

/* The shard of an entry's count that this CPU adds to: the first seven have one each, the others
 * share four. */
static __always_inline __u32 shard_of_cpu(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	if (cpu >= L2RESP_SHARDS) {
		/* else clang masks ahead of the comparison, for everybody */
		barrier_var(cpu);
		cpu &= 3;
	}
	return cpu;
}

#endif
