/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Loads addresses as words, to compare them at once instead of byte by byte. A MAC is loaded as
 * eight bytes, so two readable bytes must follow it; a shift drops them in one instruction, where a
 * mask needs two. The access is unaligned, which the verifier permits only on architectures that
 * support it. Pointers are void, or clang would load single bytes.
 */
#ifndef XDP_L2RESP_MAC_BPF_H
#define XDP_L2RESP_MAC_BPF_H

#include <linux/types.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "MAC words are laid out for little-endian targets"
#endif

/* The upper 48 bits of a word; the lower 16 are zero. */
typedef __u64 mac_t;

#define MAC_BROADCAST ((mac_t)0xffffffffffff0000ULL)
#define MAC_GROUP_BIT ((mac_t)1 << 16) /* I/G bit: first bit of the first byte (IEEE 802) */

static __always_inline __u64 word_load(const void *at)
{
	return *(const __u64 *)at;
}

static __always_inline void word_store(void *at, __u64 word)
{
	*(__u64 *)at = word;
}

static __always_inline __be32 ip4_load(const void *at)
{
	return *(const __be32 *)at;
}

static __always_inline void ip4_store(void *at, __be32 ip4)
{
	*(__be32 *)at = ip4;
}

/* The MAC in the first six bytes of a loaded word. */
static __always_inline mac_t mac_of(__u64 word)
{
	return word << 16;
}

static __always_inline mac_t mac_load(const void *at)
{
	return mac_of(word_load(at));
}

/* Stores six bytes. */
static __always_inline void mac_store(void *at, mac_t mac)
{
	*(__u32 *)at = mac >> 16;
	*(__u16 *)(at + 4) = mac >> 48;
}

/* No host sends from a group address or from zero. */
static __always_inline bool mac_is_host(mac_t mac)
{
	return mac && !(mac & MAC_GROUP_BIT);
}

#endif
