/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory that is always there: an allocation that fails ends the process with a line on stderr and
 * status 1. No caller handles it. The data path's fence makes that safe: entries of an agent that
 * is gone answer no longer than its lease lasts, and the kernel's maps need no process.
 */
#ifndef XDP_L2RESP_ALLOC_H
#define XDP_L2RESP_ALLOC_H

#include <stddef.h>
#include <stdio.h>

/* As malloc(3), calloc(3), realloc(3), reallocarray(3), strdup(3), strndup(3) and asprintf(3). The
 * caller frees. */
void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *at, size_t size) __attribute__((returns_nonnull));
void *xreallocarray(void *at, size_t count, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *text) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *text, size_t length) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *format, ...)
	__attribute__((malloc, returns_nonnull, format(printf, 1, 2)));

/* As open_memstream(3), and as fclose(3) of that: the text is complete then. */
FILE *xopen_memstream(char **ret_text, size_t *ret_size) __attribute__((returns_nonnull));
void xclose_memstream(FILE *file);

/* The same for all of jansson, whose callers don't look for NULL either. To be called first. */
void alloc_json(void);

/* For what a library couldn't allocate: says so and ends the process. */
void alloc_fail(void) __attribute__((noreturn, cold));

/*
 * Room for one more element in the array at @list, of which @count are used and *capacity are
 * there: grows by doubling. @list is of any pointer type.
 */
#define ALLOC_GROW(list, count, capacity)                                            \
	({                                                                           \
		if ((count) == (capacity)) {                                         \
			(capacity) = 2 * (capacity) + 16;                            \
			(list) = xreallocarray((list), (capacity), sizeof(*(list))); \
		}                                                                    \
	})

#endif
