/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Allocation functions that never return NULL: if memory runs out, they print a line on stderr and
 * exit with status 1, so callers don't check. That is safe: entries of an agent that died answer no
 * longer than its lease lasts, and the kernel's maps need no process.
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

/* As open_memstream(3), and fclose(3) of its stream, after which @text, the same as ret_text, is
 * complete. */
FILE *xopen_memstream(char **ret_text, size_t *ret_size) __attribute__((returns_nonnull));
void xclose_memstream(FILE *file, char **text);

/* Makes jansson use these functions, so that its callers don't check for NULL. Call it before any
 * other function of jansson. */
void alloc_json(void);

/* Exits as above; for an allocation that failed in a library. */
void alloc_fail(void) __attribute__((noreturn, cold));

/*
 * Makes room for one more element in the array @list, of any pointer type, with @count used and
 * @capacity allocated elements; doubles it if it is full.
 */
#define ALLOC_GROW(list, count, capacity)                                            \
	({                                                                           \
		if ((count) == (capacity)) {                                         \
			(capacity) = 2 * (capacity) + 16;                            \
			(list) = xreallocarray((list), (capacity), sizeof(*(list))); \
		}                                                                    \
	})

#endif
