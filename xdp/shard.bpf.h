/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef XDP_L2RESP_SHARD_BPF_H
#define XDP_L2RESP_SHARD_BPF_H

#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#include "l2resp.h"

/* The shard of an entry's count that this CPU adds to. */
static __always_inline __u32 shard_of_cpu(void)
{
	__u32 shard = bpf_get_smp_processor_id() & 7;

	/* else clang compares with 7 for equality, from which the verifier of 6.1 learns no bound
	 */
	barrier_var(shard);
	return shard < L2RESP_SHARDS ? shard : 0;
}

#endif
