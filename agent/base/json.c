// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

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
	unsigned int depth, deepest;
};

static void measure_byte(struct measure *measure, char byte)
{
	switch (byte) {
	case '[':
	case '{':
		measure->cost += byte == '[' ? ARRAY_COST : OBJECT_COST;
		if (++measure->depth > measure->deepest)
			measure->deepest = measure->depth;
		break;
	case ']':
	case '}':
		measure->depth -= measure->depth > 0;
		break;
	case ':':
		measure->cost += MEMBER_COST;
		break;
	case ',':
		measure->cost += ELEMENT_COST;
		break;
	default:
		break;
	}
}

/* Counts the values by the brackets, colons and commas outside of strings. */
static struct measure measure_text(const char *text, size_t length)
{
	struct measure measure = {};
	bool in_string = false;

	for (size_t i = 0; i < length; i++) {
		if (text[i] == '"')
			in_string = !in_string;
		else if (in_string)
			i += text[i] == '\\';
		else
			measure_byte(&measure, text[i]);
	}
	return measure;
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

json_t *json_parse(const char *text, size_t length, struct err *err)
{
	struct measure measure = measure_text(text, length);
	json_t *json;

	if (measure.deepest > JSON_DEPTH_MAX) {
		err_write(err, "is more than %d levels deep", JSON_DEPTH_MAX);
		return NULL;
	}
	if (measure.cost + length > JSON_MEMORY_MAX) {
		err_write(err, "would take more than %u MiB of memory", JSON_MEMORY_MAX >> 20);
		return NULL;
	}
	json = json_loadb(text, length, 0, NULL);
	if (!json)
		json_garbage(text, length, "isn't JSON", err);
	return json;
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
