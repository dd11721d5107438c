// SPDX-License-Identifier: GPL-2.0-or-later
#include <math.h>
#include <string.h>

#include "lease_rank.h"

/* FNV-1a, then a finaliser (MurmurHash3's) that spreads the last bytes over all bits. */
static uint64_t hash_of(const struct address *address, const char *node)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < sizeof(address->bytes); i++)
		hash = (hash ^ address->bytes[i]) * 0x100000001b3;
	for (const char *c = node; *c; c++)
		hash = (hash ^ (uint8_t)*c) * 0x100000001b3;
	hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccd;
	hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53;
	return hash ^ hash >> 33;
}

double lease_rank_score(const struct address *address, const char *node, uint32_t weight)
{
	/* in (0, 1), of 53 bits, as many as a double has */
	double share = ((double)(hash_of(address, node) >> 11) + 0.5) / 9007199254740992.0;

	return weight ? weight / -log(share) : 0;
}
