/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each namespace uses of a bound that all share. Where it doesn't suffice, those that use more
 * than a newcomer's namespace would give way to it, the largest first. So no namespace keeps
 * another from what is less than its own, in whatever order their objects become known.
 */
#ifndef XDP_L2RESPD_SHARE_H
#define XDP_L2RESPD_SHARE_H

#include <stdbool.h>
#include <stddef.h>

#include "hash.h"

struct share {
	UT_hash_handle hh; /* by namespace */
	char *namespace;
	size_t used;
	bool cut;		   /* something of it was left out */
	struct source_item *items; /* for source_items.c: that use it, the last comer at the end */
	struct share *next;	   /* for shares_above() */
};

/* Zeroed: empty. */
struct shares {
	struct share *table;
	size_t used; /* of all */
};

void shares_free(struct shares *shares);

/* The share of the namespace whose name is the first @length characters of @text: find returns NULL
 * if it has none, get creates it. */
struct share *share_find(const struct shares *shares, const char *text, size_t length);
struct share *share_get(struct shares *shares, const char *text, size_t length);
void share_set(struct shares *shares, struct share *share, size_t used);
/* Frees @share if it has nothing. */
void share_tidy(struct shares *shares, struct share *share);

/* The shares over @level, for share_largest(); *@ret_excess: by how much, together. Valid until
 * the next call, or until one of them is freed. */
struct share *shares_above(const struct shares *shares, size_t level, size_t *ret_excess);
/* The one of @list that uses most; NULL: @list is empty. */
struct share *share_largest(struct share *list);

#endif
