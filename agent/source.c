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

#include "cleanup.h"
#include "source.h"
#include "document.h"

#define FILE_LIMIT (256UL << 20)
/* Editors and kubectl write a file in several steps: it is read once they have paused. */
#define SETTLE_USEC 20000
/* A directory that is absent, and whatever inotify can't see (NFS), is looked at again. */
#define RESCAN_USEC 10000000

/* A file as it was when it was last read. */
struct source_file {
	char *name;
	struct stat st;
	bool broken;  /* as it is now; the manifest is from before */
	bool present; /* seen in this scan */
	struct manifest manifest;
};

struct source {
	char *directory;
	struct source_callbacks callbacks;
	void *userdata;
	struct source_file **files; /* by name */
	size_t count;
	const struct manifest **manifests; /* of files, for source_manifests() */
	int inotify;
	bool watched;
	int open_error; /* of the directory, when it was last read: said once */
	sd_event_source *io, *settle, *rescan;
};

static void say(const struct source *source, int priority, const struct err *err)
{
	source->callbacks.log(priority, err->text, source->userdata);
}

static void file_free(struct source_file *file)
{
	manifest_free(&file->manifest);
	free(file->name);
	free(file);
}

static bool name_wanted(const char *name)
{
	static const char *const suffixes[] = { ".yaml", ".yml", ".json" };
	size_t length = strlen(name);

	/* hidden ones are editors' and Kubernetes volumes' own */
	for (size_t i = 0; name[0] != '.' && i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t suffix = strlen(suffixes[i]);

		if (length > suffix && !strcmp(name + length - suffix, suffixes[i]))
			return true;
	}
	return false;
}

struct reading {
	struct source *source;
	const char *path;
	struct manifest manifest;
};

static void note_skipped(const char *text, void *data)
{
	struct reading *reading = data;

	reading->source->callbacks.log(LOG_NOTICE, text, reading->source->userdata);
}

static int take_document(const struct yaml_document *document, void *data, struct err *err)
{
	struct reading *reading = data;
	const struct place place = { reading->path, document };

	/* nothing between two separators */
	if (json_is_null(document->root))
		return 0;
	return manifest_add(&reading->manifest, &place, document->root, note_skipped, reading, err);
}

/* Reads @file anew. What it had stays if it is wrong. */
static void file_read(struct source *source, struct source_file *file)
{
	struct reading reading = { .source = source };
	_cleanup_free_ char *path = NULL, *text = NULL;
	struct err err, said;
	size_t size;
	int r;

	if (asprintf(&path, "%s/%s", source->directory, file->name) < 0) {
		path = NULL;
		return;
	}
	reading.path = path;
	r = yaml_read_file(path, FILE_LIMIT, &text, &size, &err);
	if (!r)
		r = yaml_parse(path, text, size, take_document, &reading, &err);
	file->broken = r < 0;
	if (r < 0) {
		manifest_free(&reading.manifest);
		err_write(&said, "%s; %s", err.text,
			  file->manifest.service_count || file->manifest.policy_count ||
					  file->manifest.node_count
				  ? "what the file said before stays in force"
				  : "the file is left out");
		say(source, LOG_ERR, &said);
		return;
	}
	manifest_free(&file->manifest);
	file->manifest = reading.manifest;
}

static int file_compare(const void *a, const void *b)
{
	const struct source_file *const *left = a, *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

static struct source_file *file_find(const struct source *source, const char *name)
{
	struct source_file wanted = { .name = (char *)name }, *key = &wanted, **found = NULL;

	if (source->count)
		found = bsearch(&key, source->files, source->count, sizeof(void *), file_compare);
	return found ? *found : NULL;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Appends a file called @name, behind the @source->count sorted ones. NULL: out of memory. */
static struct source_file *file_append(struct source *source, size_t *total, const char *name)
{
	struct source_file **files = reallocarray(source->files, *total + 1, sizeof(void *));
	struct source_file *file = calloc(1, sizeof(*file));

	if (files)
		source->files = files;
	if (file)
		file->name = strdup(name);
	if (!files || !file || !file->name) {
		free(file);
		return NULL;
	}
	files[(*total)++] = file;
	return file;
}

/* Drops files that weren't seen, and sorts the rest. Returns whether one was dropped. */
static bool files_settle(struct source *source, size_t total)
{
	const struct manifest **manifests;
	size_t kept = 0;

	for (size_t i = 0; i < total; i++)
		if (source->files[i]->present)
			source->files[kept++] = source->files[i];
		else
			file_free(source->files[i]);
	source->count = kept;
	if (kept)
		qsort(source->files, kept, sizeof(void *), file_compare);
	manifests = reallocarray(source->manifests, kept + 1, sizeof(void *));
	if (manifests)
		source->manifests = manifests;
	else
		source->count = 0;
	for (size_t i = 0; i < source->count; i++)
		source->manifests[i] = &source->files[i]->manifest;
	return kept < total;
}

static void watch(struct source *source)
{
	const uint32_t events = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
				IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF |
				IN_ONLYDIR;

	source->watched = source->inotify >= 0 &&
			  inotify_add_watch(source->inotify, source->directory, events) >= 0;
}

/* Reads the directory; returns whether the manifests changed. */
static bool scan(struct source *source, bool all)
{
	DIR *directory = opendir(source->directory);
	size_t total = source->count;
	bool changed = false;
	struct dirent *entry;
	struct err err;

	if (!directory && errno != source->open_error) {
		source->open_error = errno;
		err_write(&err, "%s: %s; it is looked for again every 10 s", source->directory,
			  strerror(errno));
		say(source, LOG_WARNING, &err);
	}
	if (!directory && source->open_error != ENOENT)
		/* unreadable isn't empty */
		return false;
	for (size_t i = 0; i < total; i++)
		source->files[i]->present = false;
	while (directory && (entry = readdir(directory))) {
		struct source_file *file = file_find(source, entry->d_name);
		struct stat st;

		if (!name_wanted(entry->d_name) ||
		    fstatat(dirfd(directory), entry->d_name, &st, 0) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (!file)
			file = file_append(source, &total, entry->d_name);
		if (!file)
			continue;
		file->present = true;
		if (!all && same_file(&file->st, &st))
			continue;
		file->st = st;
		file_read(source, file);
		changed = true;
	}
	if (directory) {
		source->open_error = 0;
		closedir(directory);
	}
	return files_settle(source, total) || changed;
}

void source_rescan(struct source *source, bool all)
{
	if (!source->watched)
		watch(source);
	if (scan(source, all))
		source->callbacks.changed(source->userdata);
}

static int settled(sd_event_source *event_source, uint64_t usec, void *userdata)
{
	(void)event_source;
	(void)usec;
	source_rescan(userdata, false);
	return 0;
}

static int rescan_due(sd_event_source *event_source, uint64_t usec, void *userdata)
{
	(void)usec;
	source_rescan(userdata, false);
	sd_event_source_set_time_relative(event_source, RESCAN_USEC);
	return sd_event_source_set_enabled(event_source, SD_EVENT_ONESHOT);
}

static int notified(sd_event_source *event_source, int fd, uint32_t revents, void *userdata)
{
	char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	struct source *source = userdata;
	ssize_t length;

	(void)event_source;
	(void)revents;
	while ((length = read(fd, buffer, sizeof(buffer))) > 0)
		for (char *at = buffer; at < buffer + length;) {
			const struct inotify_event *event = (const struct inotify_event *)at;

			if (event->mask & IN_MOVE_SELF)
				inotify_rm_watch(fd, event->wd);
			if (event->mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF))
				source->watched = false;
			at += sizeof(*event) + event->len;
		}
	sd_event_source_set_time_relative(source->settle, SETTLE_USEC);
	return sd_event_source_set_enabled(source->settle, SD_EVENT_ONESHOT);
}

static int follow(struct source *source, sd_event *event)
{
	int r;

	source->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (source->inotify < 0)
		return negative_errno();
	r = sd_event_add_io(event, &source->io, source->inotify, EPOLLIN, notified, source);
	if (r >= 0)
		r = sd_event_add_time_relative(event, &source->settle, CLOCK_MONOTONIC, 0, 1000,
					       settled, source);
	if (r >= 0)
		r = sd_event_source_set_enabled(source->settle, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_time_relative(event, &source->rescan, CLOCK_MONOTONIC, RESCAN_USEC,
					       1000000, rescan_due, source);
	return r < 0 ? r : 0;
}

int source_new(sd_event *event, const char *directory, const struct source_callbacks *callbacks,
	       void *userdata, struct source **ret_source, struct err *err)
{
	struct source *source = calloc(1, sizeof(*source));
	int r = 0;

	if (!source)
		return err_set(err, -ENOMEM, "out of memory");
	source->inotify = -1;
	source->callbacks = *callbacks;
	source->userdata = userdata;
	source->directory = strdup(directory);
	if (!source->directory)
		r = -ENOMEM;
	if (!r && event)
		r = follow(source, event);
	if (r < 0) {
		source_free(source);
		return err_set(err, r, "%s: following it: %s", directory, strerror(-r));
	}
	/* the watch first: what changes after the scan is seen */
	watch(source);
	scan(source, true);
	*ret_source = source;
	return 0;
}

void source_free(struct source *source)
{
	if (!source)
		return;
	sd_event_source_disable_unref(source->io);
	sd_event_source_disable_unref(source->settle);
	sd_event_source_disable_unref(source->rescan);
	if (source->inotify >= 0)
		close(source->inotify);
	for (size_t i = 0; i < source->count; i++)
		file_free(source->files[i]);
	free(source->files);
	free(source->manifests);
	free(source->directory);
	free(source);
}

const struct manifest *const *source_manifests(const struct source *source, size_t *ret_count)
{
	*ret_count = source->count;
	return source->manifests;
}

size_t source_broken(const struct source *source)
{
	size_t broken = 0;

	for (size_t i = 0; i < source->count; i++)
		broken += source->files[i]->broken;
	return broken;
}
