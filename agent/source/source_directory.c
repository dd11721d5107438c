// SPDX-License-Identifier: GPL-2.0-or-later
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "cleanup.h"
#include "directory_pools.h"
#include "document.h"
#include "last_good.h"
#include "loop.h"
#include "source_base.h"

#define FILE_LIMIT (256UL << 20)
/* Editors and kubectl write a file in several steps: it is read once they have paused. */
#define SETTLE_USEC 20000
/* Rescan interval, for a missing directory and for changes that inotify can't see (NFS). */
#define RESCAN_USEC 10000000
/* Log lines per update about Services whose addresses have changed. */
#define LOG_MAX 10

struct source_directory {
	struct source source; /* the first member */
	char *directory, *assignments, *class_name, *node;
	char *copies;	       /* directory of last_good.h */
	struct err copy_error; /* of the last write of a copy, logged once; empty: none */
	struct service_class class;
	struct directory_pools *pools;
	struct err pools_error; /* empty: none */
	size_t log_count;	/* lines about Services in this update */
	bool read_only;
	int inotify;
	bool watched;
	bool known;	/* it has been read without an error once */
	int scan_error; /* of the last scan, logged once; 0: none */
	sd_event_source *io, *settle, *rescan;
};

static bool is_manifest_name(const char *name)
{
	static const char *const suffixes[] = { ".yaml", ".yml", ".json" };
	size_t length = strlen(name);

	/* hidden files belong to editors and Kubernetes volumes */
	for (size_t i = 0; name[0] != '.' && i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t suffix = strlen(suffixes[i]);

		if (length > suffix && !strcmp(name + length - suffix, suffixes[i]))
			return true;
	}
	return false;
}

struct reading {
	const struct source *source;
	const char *path;
	struct manifest manifest;
	char *notes; /* a line each; NULL: none */
};

static void note_skipped(const char *text, void *data)
{
	struct reading *reading = data;

	source_say_of(reading->source, LOG_NOTICE, reading->path, text);
	source_note(text, &reading->notes);
}

static int parse_document(const struct yaml_document *document, void *data, struct err *err)
{
	struct reading *reading = data;
	const struct place place = { reading->path, document };

	/* an empty document */
	if (json_is_null(document->root))
		return 0;
	return manifest_add(&reading->manifest, &place, document->root, note_skipped, reading, err);
}

static void reading_clear(struct reading *reading)
{
	manifest_free(&reading->manifest);
	free(reading->notes);
	reading->notes = NULL;
}

static int parse(struct reading *reading, const char *text, size_t size, struct err *err)
{
	int r = yaml_parse(reading->path, text, size, parse_document, reading, err);

	if (r < 0)
		reading_clear(reading);
	return r;
}

/* What @reading of @file costs if there is no room for it: then it is cleared, with @err; 0: there
 * is. */
static size_t excess(const struct source_directory *source, const struct source_item *file,
		     struct reading *reading, struct err *err)
{
	size_t cost = source_item_excess(&source->source.items, file, &reading->manifest);

	if (cost) {
		err_write(err, "%s: " SOURCE_COST_FULL, reading->path);
		reading_clear(reading);
	}
	return cost;
}

/* Reads the last valid version of the file from before this start. */
static void read_copy(struct source_directory *source, struct source_item *file, const char *path)
{
	struct reading reading = {
		.source = &source->source,
		.path = path,
		.manifest.node = source->node,
	};
	_cleanup_free_ char *text = NULL;
	struct err err;
	size_t size;

	if (!last_good_read(source->copies, path, &text, &size) &&
	    !parse(&reading, text, size, &err) && !excess(source, file, &reading, &err))
		source_item_set(&source->source.items, file, &reading.manifest);
	free(reading.notes);
}

/* Keeps a copy of a valid file for the next start. */
static void write_copy(struct source_directory *source, const char *path, const char *text,
		       size_t size)
{
	struct err err = {}, line;

	if (source->read_only)
		return;
	if (last_good_write(source->copies, path, text, size, &err) < 0 &&
	    strcmp(err.text, source->copy_error.text) != 0) {
		err_write(&line, "%s; a manifest that is wrong at the next start is left out then",
			  err.text);
		source_say(&source->source, LOG_WARNING, line.text);
	}
	source->copy_error = err;
}

/* Reads @file again. If it is invalid, the previous manifest stays. */
static void file_read(struct source_directory *source, struct source_item *file)
{
	struct reading reading = { .source = &source->source, .manifest.node = source->node };
	_cleanup_free_ char *path = xasprintf("%s/%s", source->directory, file->name), *text = NULL;
	struct err err, line;
	size_t size;
	int r;

	reading.path = path;
	r = yaml_read_file(path, FILE_LIMIT, &text, &size, &err);
	if (!r)
		r = parse(&reading, text, size, &err);
	file->refused = r ? 0 : excess(source, file, &reading, &err);
	file->broken = r < 0 || file->refused;
	free(file->logged);
	file->logged = NULL;
	if (file->broken) {
		if (!manifest_has_objects(&file->manifest))
			read_copy(source, file, path);
		err_write(&line, "%s; %s", err.text,
			  manifest_has_objects(&file->manifest)
				  ? "what the file said before stays in force"
				  : "the file is left out");
		source_say_of(&source->source, LOG_ERR, path, line.text);
		file->logged = xstrdup(line.text);
		return;
	}
	source_item_set(&source->source.items, file, &reading.manifest);
	free(file->noted);
	file->noted = reading.notes;
	write_copy(source, path, text, size);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static void watch(struct source_directory *source)
{
	const uint32_t events = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
				IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF |
				IN_ONLYDIR;

	source->watched = source->inotify >= 0 &&
			  inotify_add_watch(source->inotify, source->directory, events) >= 0;
}

static bool is_item(const char *name, const void *userdata)
{
	return source_items_find(userdata, name);
}

/* Logs once why the directory, or the file @name in it, can't be read. */
static void log_scan_error(struct source_directory *source, const char *name, int error)
{
	struct err line;

	if (error == source->scan_error)
		return;
	source->scan_error = error;
	err_write(&line, "%s%s%s: %s; trying again every 10 s", source->directory, name ? "/" : "",
		  name ?: "", strerror(error));
	source_say(&source->source, LOG_WARNING, line.text);
}

/* Reads the files in @directory that have changed, or @all. Returns 0, or a negative errno, logged,
 * if a file can't be read. Sets *@ret_changed to true if a file was read. */
static int read_files(struct source_directory *source, DIR *directory, bool all, bool *ret_changed)
{
	struct dirent *entry;
	int r = 0;

	while (errno = 0, entry = readdir(directory)) {
		struct source_item *file;
		struct stat st;

		if (!is_manifest_name(entry->d_name))
			continue;
		if (fstatat(dirfd(directory), entry->d_name, &st, 0) < 0) {
			if (errno != ENOENT) {
				r = negative_errno();
				log_scan_error(source, entry->d_name, -r);
			}
			continue;
		}
		if (!S_ISREG(st.st_mode))
			continue;
		file = source_items_get(&source->source.items, entry->d_name);
		file->present = true;
		if (!all && same_file(&file->st, &st) &&
		    !source_item_room(&source->source.items, file))
			continue;
		file->st = st;
		file_read(source, file);
		*ret_changed = true;
	}
	if (!errno)
		return r;
	r = negative_errno();
	log_scan_error(source, NULL, -r);
	return r;
}

/*
 * Reads the directory; returns whether the manifests have changed. Only ENOENT means that a file is
 * gone. After any other error (such as a network file system's ESTALE or EIO) all manifests stay.
 */
static bool scan(struct source_directory *source, bool all)
{
	struct source_items *items = &source->source.items;
	DIR *directory = opendir(source->directory);
	bool changed = false;
	int r = 0;

	if (!directory) {
		r = errno == ENOENT ? 0 : negative_errno();
		log_scan_error(source, NULL, errno);
	}
	source_items_mark(items, "");
	if (directory)
		r = read_files(source, directory, all, &changed);
	if (!r) {
		changed = source_items_sweep(items, "") || changed || !source->known;
		source->known = true;
		if (directory)
			source->scan_error = 0;
		if (directory && (changed || all) && !source->read_only)
			last_good_prune(source->copies, is_item, items);
	}
	if (directory)
		closedir(directory);
	return changed;
}

static void pools_changed(const struct verdict *verdict, void *userdata)
{
	struct source_directory *source = userdata;

	if (source->read_only || source->log_count++ < LOG_MAX)
		source_say_verdict(&source->source, verdict);
}

/* Lets the pools decide about the current manifests. */
static void pools_update(struct source_directory *source)
{
	struct source_status status;
	struct err err = {};
	int r;

	source_status(&source->source, &status);
	source->log_count = 0;
	r = directory_pools_update(source->pools, source->source.items.manifests,
				   source->source.items.count, &source->source.reserved,
				   status.broken > 0 || source_waits(&source->source), &err);
	if (r < 0 && strcmp(err.text, source->pools_error.text) != 0)
		source_say(&source->source, LOG_ERR, err.text);
	source_say_conflicts(&source->source, directory_pools_allocator(source->pools));
	source->pools_error.text[0] = '\0';
	if (r < 0)
		source->pools_error = err;
	if (!source->read_only && source->log_count > LOG_MAX) {
		err_write(&err, "pools: %zu more Services changed, not logged",
			  source->log_count - LOG_MAX);
		source_say(&source->source, LOG_INFO, err.text);
	}
}

static void rescan(struct source *base, bool all)
{
	struct source_directory *source = (struct source_directory *)base;

	if (!source->watched)
		watch(source);
	/* a failed write of the assignments is tried again */
	if (!scan(source, all) && !*source->pools_error.text)
		return;
	pools_update(source);
	base->callbacks.changed(base->userdata);
}

static int settle_due(sd_event_source *event_source, uint64_t usec, void *userdata)
{
	rescan(userdata, false);
	return 0;
}

static int rescan_due(sd_event_source *event_source, uint64_t usec, void *userdata)
{
	rescan(userdata, false);
	return loop_timer_after(event_source, RESCAN_USEC);
}

static int on_inotify(sd_event_source *event_source, int fd, uint32_t revents, void *userdata)
{
	char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	struct source_directory *source = userdata;
	ssize_t length;

	while ((length = read(fd, buffer, sizeof(buffer))) > 0)
		for (char *at = buffer; at < buffer + length;) {
			const struct inotify_event *event = (const struct inotify_event *)at;

			if (event->mask & IN_MOVE_SELF)
				inotify_rm_watch(fd, event->wd);
			if (event->mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF))
				source->watched = false;
			at += sizeof(*event) + event->len;
		}
	return loop_timer_after(source->settle, SETTLE_USEC);
}

static int follow(struct source_directory *source, sd_event *event)
{
	int r;

	source->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (source->inotify < 0)
		return negative_errno();
	r = sd_event_add_io(event, &source->io, source->inotify, EPOLLIN, on_inotify, source);
	if (r >= 0)
		r = loop_timer_new(event, LOOP_NEVER, settle_due, source, &source->settle);
	if (r >= 0)
		r = loop_timer_new(event, RESCAN_USEC, rescan_due, source, &source->rescan);
	return r < 0 ? r : 0;
}

static void directory_reserve(struct source *base)
{
	pools_update((struct source_directory *)base);
}

static void directory_free(struct source *base)
{
	struct source_directory *source = (struct source_directory *)base;

	sd_event_source_disable_unref(source->io);
	sd_event_source_disable_unref(source->settle);
	sd_event_source_disable_unref(source->rescan);
	if (source->inotify >= 0)
		close(source->inotify);
	directory_pools_free(source->pools);
	free(source->class_name);
	free(source->node);
	free(source->copies);
	free(source->assignments);
	free(source->directory);
	free(source);
}

static bool directory_same(const struct source *base, const struct source_options *options)
{
	const struct source_directory *source = (const struct source_directory *)base;

	return options->directory && !strcmp(source->directory, options->directory) &&
	       !strcmp(source->assignments, options->assignments) &&
	       !strcmp(source->class_name, options->class.name) &&
	       source->class.required == options->class.required;
}

static bool directory_known(const struct source *base)
{
	return ((const struct source_directory *)base)->known;
}

static void directory_status(const struct source *base, struct source_status *status)
{
	const struct source_directory *source = (const struct source_directory *)base;

	status->reachable = !source->scan_error;
	status->trouble = source->pools_error;
	status->allocator = directory_pools_allocator(source->pools);
}

static const struct source_ops ops = {
	.free = directory_free,
	.rescan = rescan,
	.same = directory_same,
	.known = directory_known,
	.status = directory_status,
	.reserve = directory_reserve,
};

int source_directory_new(sd_event *event, const struct source_options *options,
			 const struct source_callbacks *callbacks, void *userdata,
			 struct source **ret_source, struct err *err)
{
	struct source_directory *source = xcalloc(1, sizeof(*source));
	int r = 0;

	source->source = (struct source){ .ops = &ops,
					  .callbacks = *callbacks,
					  .userdata = userdata,
					  .unreserved = options->reserve };
	source->inotify = -1;
	source->read_only = options->read_only;
	source->directory = xstrdup(options->directory);
	source->assignments = xstrdup(options->assignments);
	source->copies = last_good_directory(options->assignments);
	source->class_name = xstrdup(options->class.name);
	source->node = xstrdup(options->node);
	source->class = (struct service_class){ source->class_name, options->class.required };
	source->pools = directory_pools_new(source->assignments, source->read_only, &source->class,
					    pools_changed, source);
	if (event)
		r = follow(source, event);
	if (r < 0) {
		source_free(&source->source);
		return err_set(err, r, "%s: can't watch it: %s", options->directory, strerror(-r));
	}
	/* the watch first, so that no change after the scan is missed */
	watch(source);
	scan(source, true);
	pools_update(source);
	*ret_source = &source->source;
	return 0;
}
