/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef XDP_L2RESP_BOUNDS_BPF_H
#define XDP_L2RESP_BOUNDS_BPF_H

#include <linux/types.h>
#include <bpf/bpf_helpers.h>

/*
 * Returns @length, which must be 1..@max, with bounds that every verifier tracks: that of 6.1 loses
 * them if clang compares 32 bits. @max: a constant power of two.
 */
static __always_inline __u64 length_bounded(__u64 length, const __u64 max)
{
	barrier_var(length); /* else clang omits the mask */
	return ((length - 1) & (max - 1)) + 1;
}

#endif
