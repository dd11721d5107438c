/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads the manifest files of a directory into a source's items, in turns of the event loop. What
 * was read is in force only after directory_scan_use(), all files at once, so that an object that
 * moves from one file to another is never missing.
 */
#ifndef XDP_L2RESPD_DIRECTORY_SCAN_H
#define XDP_L2RESPD_DIRECTORY_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "source_base.h"

struct directory_scan;

/* @source is borrowed. */
struct directory_scan *directory_scan_new(struct source *source,
					  const struct source_options *options);

void directory_scan_free(struct directory_scan *scan);

/* Begins to read files whose time, size or inode has changed, or @all. What the scan before has
 * read is kept. */
void directory_scan_begin(struct directory_scan *scan, bool all);

/*
 * Continues in the turn that began at @begun_ns (CLOCK_BOOTTIME). Returns whether it is finished.
 * Only ENOENT means that a file is gone. After any other error (such as a network file system's
 * ESTALE or EIO), which is logged once, all manifests stay.
 */
bool directory_scan_continue(struct directory_scan *scan, uint64_t begun_ns);

/* Has the finished scan, or one before, found a difference to what is in force? */
bool directory_scan_changed(const struct directory_scan *scan);

/* The manifests as they will be, valid until directory_scan_use(); the caller frees the list.
 * *@ret_broken: some are invalid, and in their last valid version. */
struct manifest **directory_scan_newest(const struct directory_scan *scan, size_t *ret_count,
					bool *ret_broken);

/* Puts what was read in force. */
void directory_scan_use(struct directory_scan *scan);

/* Is the result of a scan without an error in force? */
bool directory_scan_known(const struct directory_scan *scan);

/* The errno that the last scan met; 0: none. */
int directory_scan_error(const struct directory_scan *scan);

#endif
