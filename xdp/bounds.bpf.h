/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef XDP_L2RESP_BOUNDS_BPF_H
#define XDP_L2RESP_BOUNDS_BPF_H

#include <linux/types.h>
#include <bpf/bpf_helpers.h>

/*
 * @length, which is known to be 1..@max, in a form whose bounds every verifier follows: that of 6.1
 * loses those of a comparison when clang compares 32 bits. @max: a constant, a power of two.
 */
static __always_inline __u64 length_bounded(__u64 length, const __u64 max)
{
	barrier_var(length); /* else clang knows better, and leaves the mask out */
	return ((length - 1) & (max - 1)) + 1;
}

#endif
