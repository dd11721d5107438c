/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Manifest files as they were when they were last right, kept over restarts: a copy of each in a
 * directory of its own. None is synced to the disk, which would hold up the event loop: what isn't
 * whole after a crash isn't believed.
 */
#ifndef XDP_L2RESPD_LAST_GOOD_H
#define XDP_L2RESPD_LAST_GOOD_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

/* The directory of the copies, beside the file @assignments. The caller frees it. NULL: out of
 * memory. */
char *last_good_directory(const char *assignments);

/* Makes @text the copy in @directory of the file at @path, if it isn't yet. Any error of the system
 * with @err; then there is none. */
int last_good_write(const char *directory, const char *path, const char *text, size_t size,
		    struct err *err);

/* The copy in @directory of the file at @path. -ENOENT: there is none that could be believed. The
 * caller frees *ret_text. */
int last_good_read(const char *directory, const char *path, char **ret_text, size_t *ret_size);

/* Removes the copies in @directory whose names aren't @wanted. */
void last_good_prune(const char *directory, bool (*wanted)(const char *name, const void *userdata),
		     const void *userdata);

#endif
