/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A gzipped tar archive, written file by file. */
#ifndef XDP_L2RESP_BUNDLE_H
#define XDP_L2RESP_BUNDLE_H

#include <stddef.h>
#include <time.h>

struct bundle;

/* Begins an archive on @fd, which bundle_finish() closes; its files are in @directory and have the
 * time @when. */
struct bundle *bundle_new(int fd, const char *directory, time_t when);
void bundle_add(struct bundle *bundle, const char *name, const void *content, size_t size);
/* Ends the archive. Returns 0, or the negative errno of the first write that failed. */
int bundle_finish(struct bundle *bundle);

#endif
