/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A growing list of names. */
#ifndef XDP_L2RESPD_NAMES_H
#define XDP_L2RESPD_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"

/* Zeroed: empty. */
struct names {
	char **list;
	size_t count, capacity;
};

static inline void names_free(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i]);
	free(names->list);
	*names = (struct names){};
}

/* Adds a copy of @name at the end. */
static inline void names_add(struct names *names, const char *name)
{
	ALLOC_GROW(names->list, names->count, names->capacity);
	names->list[names->count++] = xstrdup(name);
}

/* For bsearch(). */
static inline int names_compare(const void *key, const void *element)
{
	return strcmp(key, *(char *const *)element);
}

/* Is @name in a list in ascending order? */
static inline bool names_have(const struct names *names, const char *name)
{
	return names->count &&
	       bsearch(name, names->list, names->count, sizeof(*names->list), names_compare);
}

/* The same names, in the same order? */
static inline bool names_equal(const struct names *a, const struct names *b)
{
	for (size_t i = 0; i < a->count && a->count == b->count; i++)
		if (strcmp(a->list[i], b->list[i]) != 0)
			return false;
	return a->count == b->count;
}

#endif
