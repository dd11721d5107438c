// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "json.h"
#include "text.h"
#include "text_hash.h"

/* Bytes of the text that an error message shows. */
#define SHOWN 40

/* What jansson allocates for each, including malloc()'s overhead. */
#define ARRAY_COST   128
#define OBJECT_COST  272
#define MEMBER_COST  96 /* an object's */
#define ELEMENT_COST 80 /* an array's, or an object's value */

struct measure {
	size_t cost; /* bytes: upper bound of what is allocated, without the text itself */
	unsigned int deepest;
};

static bool is_open(char byte)
{
	return byte == '[' || byte == '{';
}

static bool is_close(char byte)
{
	return byte == ']' || byte == '}';
}

/* Moves behind the next bracket, colon or comma outside of strings, and returns it; 0: none
 * follows. */
static char walk_next(struct json_walk *walk)
{
	bool in_string = false;

	while (walk->at < walk->length) {
		char byte = walk->text[walk->at++];

		if (byte == '"')
			in_string = !in_string;
		else if (in_string)
			walk->at += byte == '\\';
		else if (is_open(byte))
			return walk->depth++, byte;
		else if (is_close(byte))
			return walk->depth -= walk->depth > 0, byte;
		else if (byte == ':' || byte == ',')
			return byte;
	}
	return '\0';
}

/* Counts the values by the brackets, colons and commas outside of strings. */
static struct measure measure_text(const char *text, size_t length)
{
	struct json_walk walk = { .text = text, .length = length };
	struct measure measure = {};
	char byte;

	while ((byte = walk_next(&walk))) {
		measure.cost += byte == '['   ? ARRAY_COST
				: byte == '{' ? OBJECT_COST
				: byte == ':' ? MEMBER_COST
				: byte == ',' ? ELEMENT_COST
					      : 0;
		if (walk.depth > measure.deepest)
			measure.deepest = walk.depth;
	}
	return measure;
}

bool json_next_element(struct json_walk *walk, const char **ret_text, size_t *ret_length)
{
	size_t begin = 0;
	char byte;

	while ((byte = walk_next(walk))) {
		if (is_open(byte) && walk->depth == 2)
			walk->in_array = byte == '[';
		if (is_open(byte) && walk->depth == 3)
			begin = walk->at - 1;
		if (is_close(byte) && walk->depth == 2 && walk->in_array) {
			*ret_text = walk->text + begin;
			*ret_length = walk->at - begin;
			return true;
		}
	}
	return false;
}

/* Has @walk just begun an array or object that json_outline() leaves empty? */
static bool is_cut(const struct json_walk *walk, char byte, unsigned int depth)
{
	return is_open(byte) && walk->depth >= depth + (byte == '{');
}

/* The outline of @text of *@length, which is set to the outline's. */
static char *flatten(const char *text, size_t *length, unsigned int depth)
{
	struct json_walk walk = { .text = text, .length = *length };
	char *copy = xmalloc(*length + 1), byte;
	size_t from = 0; /* what follows is to be copied */

	*length = 0;
	while (from < walk.length) {
		byte = walk_next(&walk);
		if (!byte)
			walk.at = walk.length;
		if (!byte || is_cut(&walk, byte, depth)) {
			unsigned int level = walk.depth;

			memcpy(copy + *length, text + from, walk.at - from);
			*length += walk.at - from;
			while (walk.depth >= level && (byte = walk_next(&walk)))
				;
			from = byte ? walk.at - 1 : walk.length;
		}
	}
	return copy;
}

/* A copy of @text without the characters that jansson refuses. */
static char *mend_characters(const char *text, size_t length)
{
	static const char zero[] = "\\u0000", unknown[] = "\\ufffd";
	char *copy = xmalloc(length + 1);
	size_t width;

	memcpy(copy, text, length);
	copy[length] = '\0';
	for (char *at = copy; at < copy + length; at += width) {
		width = *at == '\\' ? 2 : *at & 0x80 ? text_character(at) : 1;
		if (!strncmp(at, zero, sizeof(zero) - 1))
			memcpy(at, unknown, sizeof(unknown) - 1);
		if (!width)
			*at = '?', width = 1;
	}
	return copy;
}

uint64_t json_decimal(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key)) ?: "";
	uint64_t number;

	if (text[strspn(text, "0123456789")])
		return 0;
	/* a number of more than 64 bits is read as UINT64_MAX */
	number = strtoull(text, NULL, 10);
	return number <= INT64_MAX ? number : 0;
}

void json_garbage(const char *text, size_t length, const char *what, struct err *err)
{
	char begin[SHOWN + 1] = "", shown[TEXT_ESCAPED_SIZE(SHOWN)];
	size_t count = length < SHOWN ? length : SHOWN;

	/* leaves out what follows a zero byte */
	memcpy(begin, text, count);
	text_escape(shown, sizeof(shown), begin);
	if (length)
		err_write(err, "%s, and begins with \"%s\"", what, shown);
	else
		err_write(err, "%s, but empty", what);
}

json_t *json_outline(const char *text, size_t length, unsigned int depth, struct err *err)
{
	struct measure measure = measure_text(text, length);
	_cleanup_free_ char *flat = NULL, *mended = NULL;
	json_t *json;

	if (measure.deepest >= depth) {
		text = flat = flatten(text, &length, depth);
		measure = measure_text(text, length);
	}
	if (measure.cost + length > JSON_MEMORY_MAX) {
		err_write(err, "would take more than %u MiB of memory", JSON_MEMORY_MAX >> 20);
		return NULL;
	}
	json = json_loadb(text, length, 0, NULL);
	if (!json) {
		mended = mend_characters(text, length);
		json = json_loadb(mended, length, 0, NULL);
	}
	if (!json)
		json_garbage(text, length, "isn't JSON", err);
	return json;
}

json_t *json_parse(const char *text, size_t length, struct err *err)
{
	return json_outline(text, length, JSON_DEPTH_MAX, err);
}

void json_write_string(const char *text, FILE *out)
{
	_cleanup_json_ json_t *string = text ? text_json(text) : json_null();

	json_dumpf(string, out, JSON_ENCODE_ANY);
}

void json_write_open(const json_t *object, const char *list, FILE *out)
{
	_cleanup_free_ char *text = json_dumps(object, 0);

	fprintf(out, "%.*s, \"%s\": [", (int)strlen(text) - 1, text, list);
}

static int hash_part(const char *text, size_t length, void *data)
{
	uint64_t *hash = data;

	for (size_t i = 0; i < length; i++)
		*hash = hash_byte(*hash, text[i]);
	return 0;
}

uint64_t json_hash(const json_t *json)
{
	uint64_t hash = HASH_BEGIN;

	json_dump_callback(json, hash_part, &hash, JSON_COMPACT | JSON_SORT_KEYS);
	return hash_finish(hash);
}
