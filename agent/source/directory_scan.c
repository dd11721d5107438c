// SPDX-License-Identifier: GPL-2.0-or-later
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <sys/stat.h>

#include "alloc.h"
#include "cleanup.h"
#include "directory_scan.h"
#include "document.h"
#include "foreign.h"
#include "last_good.h"
#include "loop.h"

#define FILE_LIMIT (256UL << 20)

/* The file being read. Zeroed: there is none. */
struct reading {
	const struct source *source;
	struct source_item *file;
	char *path, *text;
	size_t size;
	struct yaml_reader *reader;	/* NULL: no file is being read */
	struct yaml_document *document; /* to be added to the manifest; NULL: none is */
	size_t item;			/* of a List, the one to be added next */
	struct manifest manifest;
	char *foreign; /* the first note about other programs' objects; NULL: none */
};

struct directory_scan {
	struct source *source;
	char *directory, *node;
	char *copies;	       /* directory of last_good.h */
	struct err copy_error; /* of the last write of a copy, logged once; empty: none */
	bool read_only;
	DIR *open; /* NULL: no scan is under way */
	struct reading reading;
	bool all;     /* the scan reads all files */
	bool changed; /* a file was read that isn't in force yet */
	bool failed;  /* the scan has met an error, so that files may be missing */
	bool known;   /* the result of a scan without an error is in force */
	int error;    /* of the last scan, logged once; 0: none */
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

static void note_skipped(const char *text, void *data)
{
	struct reading *reading = data;

	source_say_of(reading->source, LOG_NOTICE, reading->path, text);
	/* a file may have any number of notes: only what source_status() tells is kept */
	if (!reading->foreign && strstr(text, FOREIGN_PAGE))
		reading->foreign = xstrdup(text);
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
	yaml_close(reading->reader);
	free(reading->path);
	free(reading->text);
	free(reading->foreign);
	*reading = (struct reading){};
}

/* Reads the last valid version of the file from before this start. */
static void read_copy(struct directory_scan *scan, struct source_item *file, const char *path)
{
	struct reading reading = {
		.source = scan->source,
		.path = xstrdup(path),
		.manifest.node = scan->node,
	};
	struct err err;

	if (!last_good_read(scan->copies, path, &reading.text, &reading.size) &&
	    !yaml_parse(path, reading.text, reading.size, parse_document, &reading, &err) &&
	    !source_item_excess(&scan->source->items, file, &reading.manifest)) {
		source_item_set_next(&scan->source->items, file, &reading.manifest);
		reading.manifest = (struct manifest){};
	}
	reading_clear(&reading);
}

/* Keeps a copy of a valid file for the next start. */
static void write_copy(struct directory_scan *scan)
{
	const struct reading *reading = &scan->reading;
	struct err err = {}, line;

	if (scan->read_only)
		return;
	if (last_good_write(scan->copies, reading->path, reading->text, reading->size, &err) < 0 &&
	    strcmp(err.text, scan->copy_error.text) != 0) {
		err_write(&line, "%s; a manifest that is wrong at the next start is left out then",
			  err.text);
		source_say(scan->source, LOG_WARNING, line.text);
	}
	scan->copy_error = err;
}

static void refuse_file(struct directory_scan *scan, const struct err *err)
{
	struct source_item *file = scan->reading.file;
	const char *path = scan->reading.path;
	struct err line;

	if (!manifest_has_objects(source_item_newest(file)))
		read_copy(scan, file, path);
	err_write(&line, "%s; %s", err->text,
		  manifest_has_objects(source_item_newest(file))
			  ? "what the file said before stays in force"
			  : "the file is left out");
	source_say_of(scan->source, LOG_ERR, path, line.text);
	file->logged = xstrdup(line.text);
}

static void accept_file(struct directory_scan *scan)
{
	struct reading *reading = &scan->reading;
	struct source_item *file = reading->file;

	write_copy(scan);
	source_item_set_next(&scan->source->items, file, &reading->manifest);
	reading->manifest = (struct manifest){};
	free(file->noted);
	file->noted = TAKE_PTR(reading->foreign);
}

/* @r < 0: the file is invalid, with @err. */
static void end_file(struct directory_scan *scan, int r, struct err *err)
{
	struct source_item *file = scan->reading.file;

	file->refused = 0;
	if (!r)
		file->refused =
			source_item_excess(&scan->source->items, file, &scan->reading.manifest);
	if (file->refused)
		err_write(err, "%s: " SOURCE_COST_FULL, scan->reading.path);
	file->broken = r < 0 || file->refused;
	free(file->logged);
	file->logged = NULL;
	if (file->broken)
		refuse_file(scan, err);
	else
		accept_file(scan);
	reading_clear(&scan->reading);
	scan->changed = true;
}

static void begin_file(struct directory_scan *scan, struct source_item *file)
{
	struct reading *reading = &scan->reading;
	struct err err;
	int r;

	*reading = (struct reading){
		.source = scan->source,
		.file = file,
		.path = xasprintf("%s/%s", scan->directory, file->name),
		.manifest.node = scan->node,
	};
	r = yaml_read_file(reading->path, FILE_LIMIT, &reading->text, &reading->size, &err);
	if (r < 0)
		end_file(scan, r, &err);
	else
		reading->reader = yaml_open(reading->path, reading->text, reading->size);
}

/* Adds the document or, of a List, the next item. */
static int add_next(struct reading *reading, struct err *err)
{
	const struct place place = { reading->path, reading->document };
	json_t *items = manifest_items(reading->document->root);
	int r = 0;

	if (reading->item < json_array_size(items)) {
		r = manifest_add(&reading->manifest, &place, json_array_get(items, reading->item),
				 note_skipped, reading, err);
		/* to free all of them at once would take long */
		json_array_set_new(items, reading->item++, json_null());
		return r;
	}
	if (!items)
		r = parse_document(reading->document, reading, err);
	reading->document = NULL;
	reading->item = 0;
	return r;
}

static void continue_file(struct directory_scan *scan)
{
	struct reading *reading = &scan->reading;
	struct err err;
	int r = reading->document ? add_next(reading, &err)
				  : yaml_next(reading->reader, &reading->document, &err);

	if (r)
		end_file(scan, r == YAML_END ? 0 : r, &err);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool is_item(const char *name, const void *userdata)
{
	return source_items_find(userdata, name);
}

/* Logs once why the directory, or the file @name in it, can't be read. */
static void fail(struct directory_scan *scan, const char *name)
{
	int error = errno;
	struct err line;

	/* a directory that doesn't exist counts as empty */
	scan->failed |= scan->open || error != ENOENT;
	if (error == scan->error)
		return;
	scan->error = error;
	err_write(&line, "%s%s%s: %s; trying again every 10 s", scan->directory, name ? "/" : "",
		  name ?: "", strerror(error));
	source_say(scan->source, LOG_WARNING, line.text);
}

/* Looks at the directory's next entry. Returns whether there was one. */
static bool next_entry(struct directory_scan *scan)
{
	const struct dirent *entry;
	struct source_item *file;
	struct stat st;

	errno = 0;
	entry = readdir(scan->open);
	if (!entry) {
		if (errno)
			fail(scan, NULL);
		return false;
	}
	if (!is_manifest_name(entry->d_name))
		return true;
	if (fstatat(dirfd(scan->open), entry->d_name, &st, 0) < 0) {
		if (errno != ENOENT)
			fail(scan, entry->d_name);
		return true;
	}
	if (!S_ISREG(st.st_mode))
		return true;
	file = source_items_get(&scan->source->items, entry->d_name);
	file->present = true;
	if (scan->all || !same_file(&file->st, &st) ||
	    source_item_room(&scan->source->items, file)) {
		file->st = st;
		begin_file(scan, file);
	}
	return true;
}

void directory_scan_begin(struct directory_scan *scan, bool all)
{
	scan->all = all;
	scan->changed |= all;
	scan->failed = false;
	scan->open = opendir(scan->directory);
	if (!scan->open)
		fail(scan, NULL);
	source_items_mark(&scan->source->items, "");
}

bool directory_scan_continue(struct directory_scan *scan, uint64_t begun_ns)
{
	while (scan->open) {
		if (scan->reading.reader) {
			continue_file(scan);
		} else if (!next_entry(scan)) {
			closedir(scan->open);
			scan->open = NULL;
			if (!scan->failed)
				scan->error = 0;
		}
		if (!loop_may_go_on(begun_ns))
			break;
	}
	return !scan->open;
}

static bool stays(const struct directory_scan *scan, const struct source_item *file)
{
	return file->present || scan->failed;
}

bool directory_scan_changed(const struct directory_scan *scan)
{
	const struct source_items *items = &scan->source->items;
	bool changed = scan->changed || (!scan->known && !scan->failed);

	for (size_t i = 0; i < items->count && !changed; i++)
		changed = !stays(scan, items->list[i]);
	return changed;
}

struct manifest **directory_scan_newest(const struct directory_scan *scan, size_t *ret_count,
					bool *ret_broken)
{
	const struct source_items *items = &scan->source->items;
	struct manifest **list = xcalloc(items->count + 1, sizeof(*list));

	*ret_count = 0;
	*ret_broken = scan->failed && !scan->known;
	for (size_t i = 0; i < items->count; i++)
		if (stays(scan, items->list[i])) {
			list[(*ret_count)++] = source_item_newest(items->list[i]);
			*ret_broken |= items->list[i]->broken;
		}
	return list;
}

void directory_scan_use(struct directory_scan *scan)
{
	struct source_items *items = &scan->source->items;

	for (size_t i = 0; i < items->count; i++)
		source_item_use_next(items->list[i]);
	scan->changed = false;
	if (scan->failed)
		return;
	scan->known = true;
	source_items_sweep(items, "");
	if (!scan->error && !scan->read_only)
		last_good_prune(scan->copies, is_item, items);
}

bool directory_scan_known(const struct directory_scan *scan)
{
	return scan->known;
}

int directory_scan_error(const struct directory_scan *scan)
{
	return scan->error;
}

struct directory_scan *directory_scan_new(struct source *source,
					  const struct source_options *options)
{
	struct directory_scan *scan = xcalloc(1, sizeof(*scan));

	scan->source = source;
	scan->read_only = options->read_only;
	scan->directory = xstrdup(options->directory);
	scan->copies = last_good_directory(options->assignments);
	scan->node = xstrdup(options->node);
	return scan;
}

void directory_scan_free(struct directory_scan *scan)
{
	if (!scan)
		return;
	reading_clear(&scan->reading);
	if (scan->open)
		closedir(scan->open);
	free(scan->directory);
	free(scan->copies);
	free(scan->node);
	free(scan);
}
