/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Copies of manifest files as they were when they were last valid, kept over restarts in their own
 * directory. They aren't synced to the disk, which would hold up the event loop; a checksum reveals
 * copies that are incomplete after a crash.
 */
#ifndef XDP_L2RESPD_LAST_GOOD_H
#define XDP_L2RESPD_LAST_GOOD_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

/* Path of the directory of copies, which is beside the file @assignments. The caller frees it. */
char *last_good_directory(const char *assignments);

/* Makes @text the copy in @directory of the file at @path, unless it is already. On failure, with
 * @err, there is no copy. */
int last_good_write(const char *directory, const char *path, const char *text, size_t size,
		    struct err *err);

/* Reads the copy in @directory of the file at @path. -ENOENT: there is no valid copy. The caller
 * frees *@ret_text. */
int last_good_read(const char *directory, const char *path, char **ret_text, size_t *ret_size);

/* Removes the copies in @directory for whose names @keep returns false. */
void last_good_prune(const char *directory, bool (*keep)(const char *name, const void *userdata),
		     const void *userdata);

#endif
