// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "alloc.h"
#include "cleanup.h"
#include "document.h"
#include "scalar.h"

/* Kubernetes objects have some 15 levels. There is a bound since the parser recurses, and jansson
 * does when it frees. Values behind an alias count, since jansson follows these too. */
#define MAX_DEPTH 64
/* Bounded because anchors are searched linearly. */
#define MAX_ANCHORS 1000
/* Bounded because nested aliases let a small file expand to any number of values. */
#define MAX_ALIASED 100000
/* A value costs some 100 bytes, however short its text is. */
#define MAX_VALUES 2000000

/*
 * Line of an object's key, by the address of the object's copy of the key, or of an array's
 * element, by the address of the value. Booleans and null are shared values: they get their array's
 * line.
 */
struct yaml_line {
	const void *at;
	unsigned int line;
};

struct yaml_lines {
	struct yaml_line *list;
	size_t count, capacity;
	bool sorted;
};

struct anchor {
	char *name;
	json_t *value;
	unsigned int height; /* levels below the value */
	size_t size;	     /* number of values in it, including those behind aliases */
};

struct yaml_reader {
	const char *name;
	yaml_parser_t parser;
	yaml_event_t event;
	bool has_event;
	struct yaml_document document;
	struct yaml_lines lines; /* of the document */
	bool open;		 /* its root is a mapping that isn't complete */
	json_t *items; /* the value of the root's key of that name, borrowed, that isn't either */
	struct anchor *anchors;
	size_t anchor_count;
	unsigned int deepest; /* level reached in the value that is being built */
	size_t size;	      /* number of values built so far, including those behind aliases */
	size_t aliased;	      /* number of values behind aliases */
	struct err *err;
};

static json_t *build_value(struct yaml_reader *reader, unsigned int depth);

static unsigned int event_line(const struct yaml_reader *reader)
{
	return reader->event.start_mark.line + 1;
}

#define TOO_DEEP "more than %d levels deep"

#define fail_at(reader, line, ...)                                                         \
	({                                                                                 \
		struct err line_;                                                          \
		err_write(&line_, __VA_ARGS__);                                            \
		err_write((reader)->err, "%s:%u: %s", (reader)->name, (line), line_.text); \
		NULL;                                                                      \
	})

/* The next event in reader->event; false with @err at a syntax error. */
static bool next_event(struct yaml_reader *reader)
{
	const yaml_parser_t *parser = &reader->parser;

	if (reader->has_event)
		yaml_event_delete(&reader->event);
	reader->has_event = yaml_parser_parse(&reader->parser, &reader->event);
	if (reader->has_event)
		return true;
	if (parser->error == YAML_MEMORY_ERROR)
		alloc_fail();
	else if (parser->error == YAML_READER_ERROR)
		fail_at(reader, (unsigned int)parser->mark.line + 1, "%s",
			parser->problem ?: "not UTF-8 text");
	else
		fail_at(reader, (unsigned int)parser->problem_mark.line + 1, "%s%s%s",
			parser->problem ?: "not YAML", parser->context ? ", " : "",
			parser->context ?: "");
	return false;
}

static void note_line(struct yaml_reader *reader, const void *at, unsigned int line)
{
	struct yaml_lines *lines = &reader->lines;

	ALLOC_GROW(lines->list, lines->count, lines->capacity);
	lines->list[lines->count++] = (struct yaml_line){ at, line };
}

static json_t *build_scalar(struct yaml_reader *reader)
{
	const char *text = (const char *)reader->event.data.scalar.value;
	size_t length = reader->event.data.scalar.length;
	const char *tag = (const char *)reader->event.data.scalar.tag;
	json_t *value = NULL;

	if (strlen(text) != length)
		return fail_at(reader, event_line(reader), "a NUL byte in a string");
	if (reader->event.data.scalar.plain_implicit)
		value = scalar_value(text);
	else if (tag && strcmp(tag, YAML_STR_TAG) != 0 && strcmp(tag, "!") != 0)
		return fail_at(reader, event_line(reader), "the tag %s isn't known here", tag);
	return value ?: json_stringn_nocheck(text, length);
}

static json_t *build_alias(struct yaml_reader *reader, unsigned int depth)
{
	const char *name = (const char *)reader->event.data.alias.anchor;
	const struct anchor *anchor = NULL;

	/* of anchors with the same name, the last counts */
	for (size_t i = reader->anchor_count; i > 0 && !anchor; i--)
		if (!strcmp(reader->anchors[i - 1].name, name))
			anchor = &reader->anchors[i - 1];
	if (!anchor)
		return fail_at(reader, event_line(reader), "no anchor &%s before this alias", name);
	if (depth + anchor->height > MAX_DEPTH)
		return fail_at(reader, event_line(reader), TOO_DEEP, MAX_DEPTH);
	reader->aliased += anchor->size;
	if (reader->aliased > MAX_ALIASED)
		return fail_at(reader, event_line(reader), "aliases stand for more than %d values",
			       MAX_ALIASED);
	if (reader->deepest < depth + anchor->height)
		reader->deepest = depth + anchor->height;
	reader->size += anchor->size;
	return json_incref(anchor->value);
}

/* Appends the value that begins with reader->event. */
static bool add_item(struct yaml_reader *reader, json_t *array, unsigned int depth)
{
	unsigned int line = event_line(reader);
	json_t *item = build_value(reader, depth + 1);

	if (!item)
		return false;
	if (!json_is_boolean(item) && !json_is_null(item))
		note_line(reader, item, line);
	json_array_append_new(array, item);
	return true;
}

static json_t *build_sequence(struct yaml_reader *reader, unsigned int depth)
{
	json_t *array = json_array();

	while (next_event(reader)) {
		if (reader->event.type == YAML_SEQUENCE_END_EVENT)
			return array;
		if (!add_item(reader, array, depth))
			break;
	}
	json_decref(array);
	return NULL;
}

/* The key in reader->event, which the caller frees. */
static char *copy_key(struct yaml_reader *reader, const json_t *object)
{
	const char *text;

	if (reader->event.type != YAML_SCALAR_EVENT)
		return fail_at(reader, event_line(reader), "a key must be a plain word");
	text = (const char *)reader->event.data.scalar.value;
	if (strlen(text) != reader->event.data.scalar.length)
		return fail_at(reader, event_line(reader), "a NUL byte in a key");
	if (!strcmp(text, "<<") && reader->event.data.scalar.plain_implicit)
		return fail_at(reader, event_line(reader), "merge keys (<<) aren't supported");
	if (json_object_get(object, text))
		return fail_at(reader, event_line(reader), "'%s' is given twice", text);
	return xstrdup(text);
}

/* Begins the items of what may be a List: continue_root() goes on. */
static json_t *begin_items(struct yaml_reader *reader)
{
	reader->size++;
	reader->items = json_array();
	return reader->items;
}

/* Adds the key in reader->event, and its value. */
static bool add_key(struct yaml_reader *reader, json_t *object, unsigned int depth)
{
	unsigned int line = event_line(reader);
	_cleanup_free_ char *key = copy_key(reader, object);
	json_t *value;

	if (!key || !next_event(reader))
		return false;
	if (depth == 1 && !strcmp(key, "items") &&
	    reader->event.type == YAML_SEQUENCE_START_EVENT &&
	    !reader->event.data.sequence_start.anchor)
		value = begin_items(reader);
	else
		value = build_value(reader, depth + 1);
	if (!value)
		return false;
	json_object_set_new_nocheck(object, key, value);
	note_line(reader, json_object_iter_key(json_object_iter_at(object, key)), line);
	return true;
}

static json_t *build_mapping(struct yaml_reader *reader, unsigned int depth)
{
	json_t *object = json_object();

	while (next_event(reader)) {
		if (reader->event.type == YAML_MAPPING_END_EVENT)
			return object;
		if (!add_key(reader, object, depth))
			break;
	}
	json_decref(object);
	return NULL;
}

/* The anchor's name in reader->event, or NULL; the caller frees it. */
static char *copy_anchor(const yaml_event_t *event)
{
	const yaml_char_t *name = NULL;

	if (event->type == YAML_SCALAR_EVENT)
		name = event->data.scalar.anchor;
	else if (event->type == YAML_SEQUENCE_START_EVENT)
		name = event->data.sequence_start.anchor;
	else if (event->type == YAML_MAPPING_START_EVENT)
		name = event->data.mapping_start.anchor;
	return name ? xstrdup((const char *)name) : NULL;
}

static json_t *build_node(struct yaml_reader *reader, unsigned int depth)
{
	if (depth > MAX_DEPTH)
		return fail_at(reader, event_line(reader), TOO_DEEP, MAX_DEPTH);
	if (++reader->size > MAX_VALUES)
		return fail_at(reader, event_line(reader), "more than %d values in one document",
			       MAX_VALUES);
	switch (reader->event.type) {
	case YAML_SCALAR_EVENT:
		return build_scalar(reader);
	case YAML_SEQUENCE_START_EVENT:
		return build_sequence(reader, depth);
	case YAML_MAPPING_START_EVENT:
		return build_mapping(reader, depth);
	default:
		return build_alias(reader, depth);
	}
}

/* The value that begins with reader->event; a new reference, or NULL with @err. */
static json_t *build_value(struct yaml_reader *reader, unsigned int depth)
{
	_cleanup_free_ char *name = copy_anchor(&reader->event);
	unsigned int line = event_line(reader), deepest = reader->deepest;
	size_t size = reader->size;
	json_t *value;

	reader->deepest = depth;
	value = build_node(reader, depth);
	if (value && name && reader->anchor_count == MAX_ANCHORS) {
		json_decref(value);
		return fail_at(reader, line, "more than %d anchors", MAX_ANCHORS);
	}
	if (value && name) {
		reader->anchors = xreallocarray(reader->anchors, reader->anchor_count + 1,
						sizeof(*reader->anchors));
		reader->anchors[reader->anchor_count++] =
			(struct anchor){ name, json_incref(value), reader->deepest - depth,
					 reader->size - size };
		name = NULL;
	}
	if (reader->deepest < deepest)
		reader->deepest = deepest;
	return value;
}

static int line_compare(const void *a, const void *b)
{
	uintptr_t left = (uintptr_t)((const struct yaml_line *)a)->at;
	uintptr_t right = (uintptr_t)((const struct yaml_line *)b)->at;

	return left < right ? -1 : left > right;
}

static void anchors_free(struct yaml_reader *reader)
{
	for (size_t i = 0; i < reader->anchor_count; i++) {
		free(reader->anchors[i].name);
		json_decref(reader->anchors[i].value);
	}
	free(reader->anchors);
	reader->anchors = NULL;
	reader->anchor_count = 0;
}

static void document_free(struct yaml_reader *reader)
{
	json_decref(reader->document.root);
	free(reader->lines.list);
	reader->lines = (struct yaml_lines){};
	reader->document = (struct yaml_document){ .lines = &reader->lines };
}

static unsigned int line_find(const struct yaml_document *document, const void *at)
{
	struct yaml_lines *lines = document->lines;
	struct yaml_line wanted = { .at = at };
	const struct yaml_line *found = NULL;

	if (!lines->sorted && lines->count)
		qsort(lines->list, lines->count, sizeof(*lines->list), line_compare);
	lines->sorted = true;
	if (lines->count)
		found = bsearch(&wanted, lines->list, lines->count, sizeof(wanted), line_compare);
	return found ? found->line : document->line;
}

unsigned int yaml_key_line(const struct yaml_document *document, const json_t *object,
			   const char *key)
{
	void *iter = json_object_iter_at((json_t *)object, key);

	return iter ? line_find(document, json_object_iter_key(iter)) : document->line;
}

/* Begins the next document, or builds it if it has no keys. */
static int begin_document(struct yaml_reader *reader)
{
	struct yaml_document *document = &reader->document;

	document_free(reader);
	do {
		if (!next_event(reader))
			return -EINVAL;
		if (reader->event.type == YAML_STREAM_END_EVENT)
			return YAML_END;
	} while (reader->event.type != YAML_DOCUMENT_START_EVENT);
	if (!next_event(reader))
		return -EINVAL;
	reader->size = 0;
	document->line = event_line(reader);
	reader->open = reader->event.type == YAML_MAPPING_START_EVENT;
	document->root = reader->open ? json_object() : build_value(reader, 1);
	return document->root ? 0 : -EINVAL;
}

/* Adds the root's next key or, of its items, the next one. */
static int continue_root(struct yaml_reader *reader)
{
	json_t *root = reader->document.root;
	bool valid = next_event(reader);

	if (valid && reader->items && reader->event.type == YAML_SEQUENCE_END_EVENT)
		reader->items = NULL;
	else if (valid && reader->items)
		valid = add_item(reader, reader->items, 2);
	else if (valid && reader->event.type == YAML_MAPPING_END_EVENT)
		reader->open = false;
	else if (valid)
		valid = add_key(reader, root, 1);
	return valid ? 0 : -EINVAL;
}

struct yaml_reader *yaml_open(const char *name, const char *text, size_t size)
{
	struct yaml_reader *reader = xcalloc(1, sizeof(*reader));

	reader->name = name;
	if (!yaml_parser_initialize(&reader->parser))
		alloc_fail();
	yaml_parser_set_input_string(&reader->parser, (const unsigned char *)text, size);
	return reader;
}

void yaml_close(struct yaml_reader *reader)
{
	if (!reader)
		return;
	if (reader->has_event)
		yaml_event_delete(&reader->event);
	yaml_parser_delete(&reader->parser);
	anchors_free(reader);
	document_free(reader);
	free(reader);
}

int yaml_next(struct yaml_reader *reader, struct yaml_document **ret_document, struct err *err)
{
	int r;

	reader->err = err;
	*ret_document = NULL;
	r = reader->open ? continue_root(reader) : begin_document(reader);
	if (r || reader->open)
		return r;
	anchors_free(reader);
	*ret_document = &reader->document;
	return 0;
}

int yaml_parse(const char *name, const char *text, size_t size, yaml_document_fn *take, void *data,
	       struct err *err)
{
	struct yaml_reader *reader = yaml_open(name, text, size);
	int r;

	do {
		struct yaml_document *document;

		r = yaml_next(reader, &document, err);
		if (!r && document)
			r = take(document, data, err);
	} while (!r);
	yaml_close(reader);
	return r == YAML_END ? 0 : r;
}

int yaml_read_file(const char *path, size_t limit, char **ret_text, size_t *ret_size,
		   struct err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	struct stat st;
	ssize_t got;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, negative_errno(), "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "%s: not a file", path);
	if ((size_t)st.st_size > limit)
		return err_set(err, -EFBIG, "%s: larger than %zu MiB", path, limit >> 20);
	text = xmalloc(st.st_size + 1);
	while (size < (size_t)st.st_size) {
		got = read(fd, text + size, st.st_size - size);
		if (got < 0)
			return err_set(err, negative_errno(), "%s: %s", path, strerror(errno));
		if (!got)
			break;
		size += got;
	}
	*ret_text = TAKE_PTR(text);
	*ret_size = size;
	return 0;
}
