// SPDX-License-Identifier: GPL-2.0-or-later
#include "alloc.h"
#include "hash.h"
#include "refused.h"
#include "text_hash.h"

struct refused {
	uint64_t name; /* its hash */
	uint64_t seen;
	UT_hash_handle hh;
};

static struct refused *find(struct refused *list, uint64_t name)
{
	struct refused *found;

	HASH_FIND(hh, list, &name, sizeof(name), found);
	return found;
}

static uint64_t hash_of(const char *name)
{
	return hash_finish(hash_text(HASH_BEGIN, name));
}

bool refused_again(struct refused **list, const char *name, uint64_t seen)
{
	uint64_t hash = hash_of(name);
	struct refused *found = find(*list, hash);

	if (found)
		return seen > found->seen;
	found = xcalloc(1, sizeof(*found));
	found->name = hash;
	found->seen = seen;
	HASH_ADD(hh, *list, name, sizeof(found->name), found);
	return false;
}

void refused_shown(struct refused **list, const char *name)
{
	struct refused *found = *list ? find(*list, hash_of(name)) : NULL;

	if (found)
		HASH_DEL(*list, found);
	free(found);
}

void refused_forget(struct refused **list)
{
	struct refused *one, *next;

	HASH_ITER(hh, *list, one, next)
	{
		HASH_DEL(*list, one);
		free(one);
	}
}
