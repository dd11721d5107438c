// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>

#include "alloc.h"
#include "share.h"

static void share_free(struct shares *shares, struct share *share)
{
	HASH_DEL(shares->table, share);
	free(share->namespace);
	free(share);
}

void shares_free(struct shares *shares)
{
	while (shares->table)
		share_free(shares, shares->table);
	shares->used = 0;
}

struct share *share_find(const struct shares *shares, const char *text, size_t length)
{
	struct share *share;

	HASH_FIND(hh, shares->table, text, length, share);
	return share;
}

struct share *share_get(struct shares *shares, const char *text, size_t length)
{
	struct share *share = share_find(shares, text, length);

	if (share)
		return share;
	share = xcalloc(1, sizeof(*share));
	share->namespace = xstrndup(text, length);
	HASH_ADD_KEYPTR(hh, shares->table, share->namespace, length, share);
	return share;
}

void share_set(struct shares *shares, struct share *share, size_t used)
{
	shares->used = shares->used - share->used + used;
	share->used = used;
}

void share_tidy(struct shares *shares, struct share *share)
{
	if (!share->used && !share->cut)
		share_free(shares, share);
}

struct share *shares_above(const struct shares *shares, size_t level, size_t *ret_excess)
{
	struct share *list = NULL;

	*ret_excess = 0;
	for (struct share *share = shares->table; share; share = share->hh.next) {
		if (share->used <= level)
			continue;
		*ret_excess += share->used - level;
		share->next = list;
		list = share;
	}
	return list;
}

struct share *share_largest(struct share *list)
{
	struct share *largest = list;

	for (; list; list = list->next)
		if (list->used > largest->used)
			largest = list;
	return largest;
}
