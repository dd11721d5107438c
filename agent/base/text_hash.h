/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hash that is the same on every node, for decisions that they must agree on: FNV-1a, then
 * MurmurHash3's finaliser, which spreads the last bytes over all bits. */
#ifndef XDP_L2RESPD_TEXT_HASH_H
#define XDP_L2RESPD_TEXT_HASH_H

#include <stdint.h>

#define HASH_BEGIN UINT64_C(0xcbf29ce484222325)

static inline uint64_t hash_byte(uint64_t hash, uint8_t byte)
{
	return (hash ^ byte) * 0x100000001b3;
}

static inline uint64_t hash_text(uint64_t hash, const char *text)
{
	for (; *text; text++)
		hash = hash_byte(hash, *text);
	return hash;
}

static inline uint64_t hash_finish(uint64_t hash)
{
	hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccd;
	hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53;
	return hash ^ hash >> 33;
}

#endif
