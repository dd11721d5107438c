// SPDX-License-Identifier: GPL-2.0-or-later
#include <math.h>
#include <string.h>

#include "lease_rank.h"
#include "text_hash.h"

static uint64_t hash_of(const struct address *address, const char *node)
{
	uint64_t hash = HASH_BEGIN;

	for (size_t i = 0; i < sizeof(address->bytes); i++)
		hash = hash_byte(hash, address->bytes[i]);
	return hash_finish(hash_text(hash, node));
}

double lease_rank_score(const struct address *address, const char *node, uint32_t weight)
{
	/* in (0, 1), of 53 bits, as many as a double has */
	double share = ((double)(hash_of(address, node) >> 11) + 0.5) / 9007199254740992.0;

	return weight ? weight / -log(share) : 0;
}
