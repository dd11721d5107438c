/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A directory of manifests, followed with inotify. */
#ifndef XDP_L2RESPD_SOURCE_H
#define XDP_L2RESPD_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

#include "err.h"
#include "manifest.h"

struct source;

struct source_callbacks {
	/* The manifests are others than before. */
	void (*changed)(void *userdata);
	/* A file, or a part of one, that isn't used, and why; @priority as in syslog(3). */
	void (*log)(int priority, const char *text, void *userdata);
};

/*
 * Reads every *.yaml, *.yml and *.json in @directory, in the order of their names as kubectl does,
 * and follows it where @event isn't NULL. A file that is wrong counts as it was when it was last
 * right, or as absent. A directory that isn't there yet counts as empty, and is looked for again.
 * -ENOMEM and errors of inotify with @err.
 */
int source_new(sd_event *event, const char *directory, const struct source_callbacks *callbacks,
	       void *userdata, struct source **ret_source, struct err *err);

void source_free(struct source *source);

/* What the files say, in their order; valid until the callback changed(), or source_free(). */
const struct manifest *const *source_manifests(const struct source *source, size_t *ret_count);

/* Files that are wrong now. */
size_t source_broken(const struct source *source);

/* Reads the directory again, every file whose time, size or inode is another; all if @all. */
void source_rescan(struct source *source, bool all);

#endif
