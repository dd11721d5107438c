/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One pinned map: opens it, or says what is at its path instead, and what to do. */
#ifndef XDP_L2RESP_PIN_H
#define XDP_L2RESP_PIN_H

#include <limits.h>
#include <stdint.h>
#include <sys/stat.h>

#include "err.h"

/*
 * Opens the map that is pinned at @path. -ENOENT without a message in @err: nothing is there. Other
 * errors with @err; -EPROTO: something else than a map is there. The caller closes the descriptor.
 */
int pin_open(const char *path, struct err *err);

/* Sets *ret_id to the kernel's id of the map that is pinned at @path. Returns 0, -ENOENT if nothing
 * is there, or another negative errno. */
int pin_map_id(const char *path, uint32_t *ret_id);

/* Checks that @path, which has @stat, belongs to root or to the caller. Returns 0, or -EPERM with
 * @err. */
int pin_check_owner(const char *path, const struct stat *stat, struct err *err);

/* Checks that a directory is at @path, or nothing. Returns 0, or -EPROTO with @err. */
int pin_check_directory(const char *path, struct err *err);

/* Shortens @path to the mount point of its file system. Parts of it that don't exist are skipped.
 */
void pin_mount_point(char path[PATH_MAX]);

/* Writes why @path can't be used, and returns @error. */
int pin_err(struct err *err, int error, const char *path);

#endif
