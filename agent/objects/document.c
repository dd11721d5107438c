// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "alloc.h"
#include "cleanup.h"
#include "document.h"

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

struct anchor {
	char *name;
	json_t *value;
	unsigned int height; /* levels below the value */
	size_t size;	     /* number of values in it, including those behind aliases */
};

struct builder {
	const char *name;
	yaml_parser_t parser;
	yaml_event_t event;
	bool has_event;
	struct yaml_document document;
	struct anchor *anchors;
	size_t anchor_count;
	unsigned int deepest; /* level reached in the value that is being built */
	size_t size;	      /* number of values built so far, including those behind aliases */
	size_t aliased;	      /* number of values behind aliases */
	struct err *err;
};

static json_t *build_value(struct builder *builder, unsigned int depth);

static unsigned int event_line(const struct builder *builder)
{
	return builder->event.start_mark.line + 1;
}

#define TOO_DEEP "more than %d levels deep"

#define fail_at(builder, line, ...)                                                          \
	({                                                                                   \
		struct err line_;                                                            \
		err_write(&line_, __VA_ARGS__);                                              \
		err_write((builder)->err, "%s:%u: %s", (builder)->name, (line), line_.text); \
		NULL;                                                                        \
	})

/* The next event in builder->event; false with @err at a syntax error. */
static bool next_event(struct builder *builder)
{
	const yaml_parser_t *parser = &builder->parser;

	if (builder->has_event)
		yaml_event_delete(&builder->event);
	builder->has_event = yaml_parser_parse(&builder->parser, &builder->event);
	if (builder->has_event)
		return true;
	if (parser->error == YAML_MEMORY_ERROR)
		alloc_fail();
	else if (parser->error == YAML_READER_ERROR)
		fail_at(builder, (unsigned int)parser->mark.line + 1, "%s",
			parser->problem ?: "not UTF-8 text");
	else
		fail_at(builder, (unsigned int)parser->problem_mark.line + 1, "%s%s%s",
			parser->problem ?: "not YAML", parser->context ? ", " : "",
			parser->context ?: "");
	return false;
}

static void note_line(struct builder *builder, const void *at, unsigned int line)
{
	struct yaml_document *document = &builder->document;

	ALLOC_GROW(document->lines, document->count, document->capacity);
	document->lines[document->count++] = (struct yaml_line){ at, line };
}

/* Plain scalars that aren't strings, as in kubectl's parser. */
static const struct {
	const char *text;
	json_type type;
} words[] = {
	{ "", JSON_NULL },	 { "~", JSON_NULL },   { "null", JSON_NULL },
	{ "true", JSON_TRUE },	 { "yes", JSON_TRUE }, { "on", JSON_TRUE },
	{ "false", JSON_FALSE }, { "no", JSON_FALSE }, { "off", JSON_FALSE },
};

/* YAML allows "word", "Word" and "WORD". */
static bool word_equals(const char *text, const char *word)
{
	size_t length = strlen(word), upper = 0;

	if (strcasecmp(text, word) != 0)
		return false;
	for (size_t i = 0; i < length; i++)
		upper += isupper((unsigned char)text[i]) != 0;
	return !upper || upper == length || (upper == 1 && isupper((unsigned char)text[0]));
}

static json_t *integer(const char *text)
{
	const char *digits = text + (*text == '-' || *text == '+');
	char *end;
	long long value;

	if (!isdigit((unsigned char)*digits))
		return NULL;
	errno = 0;
	if (digits[0] == '0' && (digits[1] == 'o' || digits[1] == 'b')) {
		if (!isdigit((unsigned char)digits[2]))
			return NULL;
		value = strtoll(digits + 2, &end, digits[1] == 'o' ? 8 : 2);
		value = *text == '-' ? -value : value;
	} else {
		value = strtoll(text, &end, 0);
	}
	return *end || errno ? NULL : json_integer(value);
}

static json_t *real(const char *text)
{
	char *end;
	double value;

	/* strtod() accepts more than YAML: hexadecimal, infinity, not-a-number */
	if (text[strspn(text, "+-.0123456789eE")] || !strpbrk(text, "0123456789"))
		return NULL;
	value = strtod(text, &end);
	return *end || !isfinite(value) ? NULL : json_real(value);
}

static json_t *build_scalar(struct builder *builder)
{
	const char *text = (const char *)builder->event.data.scalar.value;
	size_t length = builder->event.data.scalar.length;
	const char *tag = (const char *)builder->event.data.scalar.tag;
	json_t *value = NULL;

	if (strlen(text) != length)
		return fail_at(builder, event_line(builder), "a NUL byte in a string");
	if (builder->event.data.scalar.plain_implicit) {
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (word_equals(text, words[i].text))
				return words[i].type == JSON_NULL
					       ? json_null()
					       : json_boolean(words[i].type == JSON_TRUE);
		value = integer(text) ?: real(text);
	} else if (tag && strcmp(tag, YAML_STR_TAG) != 0 && strcmp(tag, "!") != 0) {
		return fail_at(builder, event_line(builder), "the tag %s isn't known here", tag);
	}
	return value ?: json_stringn_nocheck(text, length);
}

static json_t *build_alias(struct builder *builder, unsigned int depth)
{
	const char *name = (const char *)builder->event.data.alias.anchor;
	const struct anchor *anchor = NULL;

	/* of anchors with the same name, the last counts */
	for (size_t i = builder->anchor_count; i > 0 && !anchor; i--)
		if (!strcmp(builder->anchors[i - 1].name, name))
			anchor = &builder->anchors[i - 1];
	if (!anchor)
		return fail_at(builder, event_line(builder), "no anchor &%s before this alias",
			       name);
	if (depth + anchor->height > MAX_DEPTH)
		return fail_at(builder, event_line(builder), TOO_DEEP, MAX_DEPTH);
	builder->aliased += anchor->size;
	if (builder->aliased > MAX_ALIASED)
		return fail_at(builder, event_line(builder),
			       "aliases stand for more than %d values", MAX_ALIASED);
	if (builder->deepest < depth + anchor->height)
		builder->deepest = depth + anchor->height;
	builder->size += anchor->size;
	return json_incref(anchor->value);
}

static json_t *build_sequence(struct builder *builder, unsigned int depth)
{
	json_t *array = json_array(), *item;

	for (;;) {
		unsigned int line;

		if (!next_event(builder))
			break;
		if (builder->event.type == YAML_SEQUENCE_END_EVENT)
			return array;
		line = event_line(builder);
		item = build_value(builder, depth + 1);
		if (!item)
			break;
		if (!json_is_boolean(item) && !json_is_null(item))
			note_line(builder, item, line);
		json_array_append_new(array, item);
	}
	json_decref(array);
	return NULL;
}

/* The key in builder->event, which the caller frees. */
static char *copy_key(struct builder *builder, const json_t *object)
{
	const char *text;

	if (builder->event.type != YAML_SCALAR_EVENT)
		return fail_at(builder, event_line(builder), "a key must be a plain word");
	text = (const char *)builder->event.data.scalar.value;
	if (strlen(text) != builder->event.data.scalar.length)
		return fail_at(builder, event_line(builder), "a NUL byte in a key");
	if (!strcmp(text, "<<") && builder->event.data.scalar.plain_implicit)
		return fail_at(builder, event_line(builder), "merge keys (<<) aren't supported");
	if (json_object_get(object, text))
		return fail_at(builder, event_line(builder), "'%s' is given twice", text);
	return xstrdup(text);
}

static json_t *build_mapping(struct builder *builder, unsigned int depth)
{
	json_t *object = json_object(), *value;

	for (;;) {
		_cleanup_free_ char *key = NULL;
		unsigned int line;

		if (!next_event(builder))
			break;
		if (builder->event.type == YAML_MAPPING_END_EVENT)
			return object;
		line = event_line(builder);
		key = copy_key(builder, object);
		if (!key || !next_event(builder))
			break;
		value = build_value(builder, depth + 1);
		if (!value)
			break;
		json_object_set_new_nocheck(object, key, value);
		note_line(builder, json_object_iter_key(json_object_iter_at(object, key)), line);
	}
	json_decref(object);
	return NULL;
}

/* The anchor's name in builder->event, or NULL; the caller frees it. */
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

static json_t *build_node(struct builder *builder, unsigned int depth)
{
	if (depth > MAX_DEPTH)
		return fail_at(builder, event_line(builder), TOO_DEEP, MAX_DEPTH);
	if (++builder->size > MAX_VALUES)
		return fail_at(builder, event_line(builder), "more than %d values in one document",
			       MAX_VALUES);
	switch (builder->event.type) {
	case YAML_SCALAR_EVENT:
		return build_scalar(builder);
	case YAML_SEQUENCE_START_EVENT:
		return build_sequence(builder, depth);
	case YAML_MAPPING_START_EVENT:
		return build_mapping(builder, depth);
	default:
		return build_alias(builder, depth);
	}
}

/* The value that begins with builder->event; a new reference, or NULL with @err. */
static json_t *build_value(struct builder *builder, unsigned int depth)
{
	_cleanup_free_ char *name = copy_anchor(&builder->event);
	unsigned int line = event_line(builder), deepest = builder->deepest;
	size_t size = builder->size;
	json_t *value;

	builder->deepest = depth;
	value = build_node(builder, depth);
	if (value && name && builder->anchor_count == MAX_ANCHORS) {
		json_decref(value);
		return fail_at(builder, line, "more than %d anchors", MAX_ANCHORS);
	}
	if (value && name) {
		builder->anchors = xreallocarray(builder->anchors, builder->anchor_count + 1,
						 sizeof(*builder->anchors));
		builder->anchors[builder->anchor_count++] =
			(struct anchor){ name, json_incref(value), builder->deepest - depth,
					 builder->size - size };
		name = NULL;
	}
	if (builder->deepest < deepest)
		builder->deepest = deepest;
	return value;
}

static int line_compare(const void *a, const void *b)
{
	uintptr_t left = (uintptr_t)((const struct yaml_line *)a)->at;
	uintptr_t right = (uintptr_t)((const struct yaml_line *)b)->at;

	return left < right ? -1 : left > right;
}

static void anchors_free(struct builder *builder)
{
	for (size_t i = 0; i < builder->anchor_count; i++) {
		free(builder->anchors[i].name);
		json_decref(builder->anchors[i].value);
	}
	free(builder->anchors);
	builder->anchors = NULL;
	builder->anchor_count = 0;
}

static void document_free(struct yaml_document *document)
{
	json_decref(document->root);
	free(document->lines);
	*document = (struct yaml_document){};
}

static unsigned int line_find(const struct yaml_document *document, const void *at)
{
	struct yaml_line wanted = { .at = at };
	const struct yaml_line *found = NULL;

	if (document->count)
		found = bsearch(&wanted, document->lines, document->count, sizeof(wanted),
				line_compare);
	return found ? found->line : document->line;
}

unsigned int yaml_key_line(const struct yaml_document *document, const json_t *object,
			   const char *key)
{
	void *iter = json_object_iter_at((json_t *)object, key);

	return iter ? line_find(document, json_object_iter_key(iter)) : document->line;
}

/* Builds one document, whose first event is in builder->event. */
static int build_document(struct builder *builder, yaml_document_fn *take, void *data)
{
	struct yaml_document *document = &builder->document;
	int r = -EINVAL;

	if (!next_event(builder))
		return -EINVAL;
	builder->size = 0;
	document->line = event_line(builder);
	document->root = build_value(builder, 1);
	anchors_free(builder);
	if (document->root) {
		if (document->count)
			qsort(document->lines, document->count, sizeof(*document->lines),
			      line_compare);
		r = take(document, data, builder->err);
	}
	document_free(document);
	if (r)
		return r;
	/* the document's end */
	return next_event(builder) ? 0 : -EINVAL;
}

int yaml_parse(const char *name, const char *text, size_t size, yaml_document_fn *take, void *data,
	       struct err *err)
{
	struct builder builder = { .name = name, .err = err };
	int r = 0;

	if (!yaml_parser_initialize(&builder.parser))
		alloc_fail();
	yaml_parser_set_input_string(&builder.parser, (const unsigned char *)text, size);
	while (!r) {
		if (!next_event(&builder))
			r = -EINVAL;
		else if (builder.event.type == YAML_STREAM_END_EVENT)
			break;
		else if (builder.event.type == YAML_DOCUMENT_START_EVENT)
			r = build_document(&builder, take, data);
	}
	if (builder.has_event)
		yaml_event_delete(&builder.event);
	yaml_parser_delete(&builder.parser);
	anchors_free(&builder);
	return r;
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
