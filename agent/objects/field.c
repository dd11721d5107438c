// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "document.h"
#include "field.h"
#include "spelling.h"

/* The type of a value, in words for users. */
static const char *type_name(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return "a mapping";
	case JSON_ARRAY:
		return "a list";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
	case JSON_REAL:
		return "a number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a boolean";
	default:
		return "null";
	}
}

static bool is_string(const json_t *value)
{
	return json_is_string(value);
}

static bool is_boolean(const json_t *value)
{
	return json_is_boolean(value);
}

static bool is_integer(const json_t *value)
{
	return json_is_integer(value);
}

static bool is_object(const json_t *value)
{
	return json_is_object(value);
}

static bool is_array(const json_t *value)
{
	return json_is_array(value);
}

static const struct {
	const char *name;
	bool (*is)(const json_t *value);
} kinds[] = {
	[FIELD_STRING] = { "a string", is_string },
	[FIELD_BOOLEAN] = { "true or false", is_boolean },
	[FIELD_INTEGER] = { "a number", is_integer },
	[FIELD_OBJECT] = { "a mapping", is_object },
	[FIELD_ARRAY] = { "a list", is_array },
};

void place_err_write(struct err *err, const struct place *place, const json_t *object,
		     const char *key, const char *text)
{
	if (!place->document)
		err_write(err, "%s: %s", place->name, text);
	else
		err_write(err, "%s:%u: %s", place->name,
			  object && key ? yaml_key_line(place->document, object, key)
					: place->document->line,
			  text);
}

int field_get(const struct place *place, const json_t *object, const char *key,
	      enum field_kind kind, json_t **ret_value, struct err *err)
{
	json_t *value = json_object_get(object, key);

	if (!value || json_is_null(value))
		return 0;
	if (!kinds[kind].is(value))
		return place_err(err, -EINVAL, place, object, key, "%s must be %s, not %s", key,
				 kinds[kind].name, type_name(value));
	*ret_value = value;
	return 1;
}

int field_string(const struct place *place, const json_t *object, const char *key,
		 const char **ret_text, struct err *err)
{
	json_t *value;
	int r = field_get(place, object, key, FIELD_STRING, &value, err);

	if (r > 0)
		*ret_text = json_string_value(value);
	return r;
}

int field_boolean(const struct place *place, const json_t *object, const char *key, bool *ret_value,
		  struct err *err)
{
	json_t *value;
	int r = field_get(place, object, key, FIELD_BOOLEAN, &value, err);

	if (r > 0)
		*ret_value = json_is_true(value);
	return r;
}

/* Reads an array whose elements must all be of @kind. */
static int array_of(const struct place *place, const json_t *object, const char *key,
		    enum field_kind kind, const char *plural, json_t **ret_array, struct err *err)
{
	json_t *array, *item;
	size_t i;
	int r = field_get(place, object, key, FIELD_ARRAY, &array, err);

	if (r <= 0)
		return r;
	json_array_foreach(array, i, item)
	{
		if (!kinds[kind].is(item))
			return place_err(err, -EINVAL, place, object, key,
					 "%s must be a list of %s; its element %zu is %s", key,
					 plural, i + 1, type_name(item));
	}
	*ret_array = array;
	return 1;
}

int field_strings(const struct place *place, const json_t *object, const char *key,
		  json_t **ret_array, struct err *err)
{
	return array_of(place, object, key, FIELD_STRING, "strings", ret_array, err);
}

int field_objects(const struct place *place, const json_t *object, const char *key,
		  json_t **ret_array, struct err *err)
{
	return array_of(place, object, key, FIELD_OBJECT, "mappings", ret_array, err);
}

int field_copy_string(const struct place *place, const json_t *object, const char *key,
		      char **ret_text, struct err *err)
{
	const char *text;
	int r = field_string(place, object, key, &text, err);

	if (r > 0)
		*ret_text = xstrdup(text);
	return r;
}

/* The word of @known that @key is probably a misspelling of, or NULL. */
static const char *find_similar(const char *key, const char *const *known)
{
	for (; *known; known++)
		if (spelling_similar(key, *known))
			return *known;
	return NULL;
}

int field_known(const struct place *place, const json_t *object, const char *what,
		const char *const *known, struct err *err)
{
	json_t *value;
	const char *key;

	json_object_foreach((json_t *)object, key, value)
	{
		const char *meant;
		size_t i = 0;

		while (known[i] && strcmp(known[i], key) != 0)
			i++;
		if (known[i])
			continue;
		meant = find_similar(key, known);
		return place_err(err, -EINVAL, place, object, key, "no key '%s' in %s%s%s", key,
				 what, meant ? "; there is " : "", meant ?: "");
	}
	return 0;
}
