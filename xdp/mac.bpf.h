/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * MAC addresses as the low 48 bits of a word: one load and one compare instead of six. A load reads
 * eight bytes and a store writes eight, so the caller needs two bytes behind the address.
 * Architectures that run XDP allow the unaligned access; the verifier checks that they do.
 */
#ifndef XDP_L2RESP_MAC_BPF_H
#define XDP_L2RESP_MAC_BPF_H

#include <linux/types.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "MAC words are laid out for little-endian targets"
#endif

#define MAC_MASK      0x0000ffffffffffffULL
#define MAC_BROADCAST MAC_MASK
#define MAC_GROUP_BIT 1ULL /* I/G bit: first bit of the first byte (IEEE 802) */

static __always_inline __u64 word_load(const void *at)
{
	return *(const __u64 *)at;
}

/* The six bytes of @mac at @at, and behind them the two bytes of @tail (as they lie in memory). */
static __always_inline void mac_store(void *at, __u64 mac, __u16 tail)
{
	*(__u64 *)at = mac | (__u64)tail << 48;
}

static __always_inline __u64 mac_load(const void *at)
{
	return word_load(at) & MAC_MASK;
}

/* No host sends from a group address or from zero. */
static __always_inline bool mac_is_host(__u64 mac)
{
	return mac && !(mac & MAC_GROUP_BIT);
}

#endif
