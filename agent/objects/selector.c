// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "binary_search.h"
#include "cleanup.h"
#include "name.h"
#include "selector.h"

/* Memory of an element besides its text. */
#define LABEL_COST	 64
#define REQUIREMENT_COST 128

enum operator{
	OPERATOR_IN,
	OPERATOR_NOT_IN,
	OPERATOR_EXISTS,
	OPERATOR_DOES_NOT_EXIST,
};

/* Whether an operator takes values, and when it holds. An absent label is in no set. */
static const struct {
	const char *name;
	bool takes_values;
	bool negated;
} operators[] = {
	[OPERATOR_IN] = { "In", true, false },
	[OPERATOR_NOT_IN] = { "NotIn", true, true },
	[OPERATOR_EXISTS] = { "Exists", false, false },
	[OPERATOR_DOES_NOT_EXIST] = { "DoesNotExist", false, true },
};

#define OPERATOR_COUNT (sizeof(operators) / sizeof(operators[0]))

struct requirement {
	char *key;
	enum operator op;
	char **values;
	size_t value_count;
};

void labels_free(struct labels *labels)
{
	for (size_t i = 0; i < labels->count; i++) {
		free(labels->list[i].key);
		free(labels->list[i].value);
	}
	free(labels->list);
	*labels = (struct labels){};
}

size_t labels_cost(const struct labels *labels)
{
	size_t cost = 0;

	for (size_t i = 0; i < labels->count; i++)
		cost += LABEL_COST + strlen(labels->list[i].key) + strlen(labels->list[i].value);
	return cost;
}

/* The index of @key, or of the label before which it belongs. */
static size_t label_place(const struct labels *labels, const char *key)
{
	return SEARCH_FIRST(at, labels->count, strcmp(labels->list[at].key, key) < 0);
}

static bool label_is(const struct labels *labels, size_t at, const char *key)
{
	return at < labels->count && !strcmp(labels->list[at].key, key);
}

void labels_set(struct labels *labels, const char *key, const char *value)
{
	size_t at = label_place(labels, key);
	struct label *label;

	if (!label_is(labels, at, key)) {
		labels->list =
			xreallocarray(labels->list, labels->count + 1, sizeof(*labels->list));
		memmove(&labels->list[at + 1], &labels->list[at],
			(labels->count++ - at) * sizeof(*labels->list));
		labels->list[at] = (struct label){ .key = xstrdup(key) };
	}
	label = &labels->list[at];
	free(label->value);
	label->value = xstrdup(value);
}

const char *labels_get(const struct labels *labels, const char *key)
{
	size_t at = label_place(labels, key);

	return label_is(labels, at, key) ? labels->list[at].value : NULL;
}

static int check_key(const struct place *place, const json_t *object, const char *at,
		     const char *key, struct err *err)
{
	return name_is_key(key) ? 0
				: place_err(err, -EINVAL, place, object, at,
					    "'%s' can't be a label's key", key);
}

static int check_value(const struct place *place, const json_t *object, const char *at,
		       const char *value, struct err *err)
{
	return name_is_value(value) ? 0
				    : place_err(err, -EINVAL, place, object, at,
						"'%s' can't be a label's value", value);
}

int labels_parse(const struct place *place, const json_t *object, const char *key,
		 struct labels *ret_labels, struct err *err)
{
	_cleanup_(labels_free) struct labels labels = {};
	json_t *map = NULL, *value;
	const char *name;
	int r = field_get(place, object, key, FIELD_OBJECT, &map, err);

	if (r < 0)
		return r;
	if (json_object_size(map) > LABELS_MAX)
		return place_err(err, -EINVAL, place, object, key, "more than %d %s", LABELS_MAX,
				 key);
	json_object_foreach(map, name, value)
	{
		if (!json_is_string(value))
			return place_err(err, -EINVAL, place, map, name,
					 "the value of %s '%s' must be a string; quote it", key,
					 name);
		r = check_key(place, map, name, name, err);
		if (!r)
			r = check_value(place, map, name, json_string_value(value), err);
		if (r < 0)
			return r;
		labels_set(&labels, name, json_string_value(value));
	}
	*ret_labels = labels;
	labels = (struct labels){};
	return 0;
}

static void requirement_clear(struct requirement *requirement)
{
	for (size_t i = 0; i < requirement->value_count; i++)
		free(requirement->values[i]);
	free(requirement->values);
	free(requirement->key);
}

void selector_free(struct selector *selector)
{
	for (size_t i = 0; i < selector->count; i++)
		requirement_clear(&selector->list[i]);
	free(selector->list);
	*selector = (struct selector){};
}

size_t selector_cost(const struct selector *selector)
{
	size_t cost = 0;

	for (size_t i = 0; i < selector->count; i++) {
		const struct requirement *requirement = &selector->list[i];

		cost += REQUIREMENT_COST + strlen(requirement->key);
		for (size_t v = 0; v < requirement->value_count; v++)
			cost += LABEL_COST + strlen(requirement->values[v]);
	}
	return cost;
}

/* Appends a requirement without values; the caller may add up to @values to the result. */
static struct requirement *add_requirement(struct selector *selector, const char *key,
					   enum operator op, size_t values)
{
	selector->list =
		xreallocarray(selector->list, selector->count + 1, sizeof(*selector->list));
	selector->list[selector->count] = (struct requirement){
		.key = xstrdup(key), .op = op, .values = xcalloc(values, sizeof(char *))
	};
	selector->value_count += values;
	return &selector->list[selector->count++];
}

static void add_value(struct requirement *requirement, const char *value)
{
	requirement->values[requirement->value_count++] = xstrdup(value);
}

static int parse_match_labels(const struct place *place, const json_t *object,
			      struct selector *selector, struct err *err)
{
	json_t *map = NULL, *value;
	const char *key;
	int r = field_get(place, object, "matchLabels", FIELD_OBJECT, &map, err);

	if (r < 0)
		return r;
	json_object_foreach(map, key, value)
	{
		if (!json_is_string(value))
			return place_err(err, -EINVAL, place, map, key,
					 "the value of label '%s' must be a string; quote it", key);
		r = check_key(place, map, key, key, err);
		if (!r)
			r = check_value(place, map, key, json_string_value(value), err);
		if (r < 0)
			return r;
		add_value(add_requirement(selector, key, OPERATOR_IN, 1), json_string_value(value));
	}
	return 0;
}

static int operator_parse(const char *name, enum operator* ret_op)
{
	for (enum operator op = 0; op < OPERATOR_COUNT; op++)
		if (!strcmp(operators[op].name, name)) {
			*ret_op = op;
			return 0;
		}
	return -EINVAL;
}

/* Parses one element of matchExpressions. */
static int parse_expression(const struct place *place, const json_t *object,
			    struct selector *selector, struct err *err)
{
	static const char *const known[] = { "key", "operator", "values", NULL };
	const char *key = NULL, *name = NULL;
	struct requirement *requirement;
	json_t *values = NULL, *value;
	enum operator op;
	size_t i;
	int r = field_known(place, object, "a match expression", known, err);

	if (!r)
		r = field_string(place, object, "key", &key, err);
	if (r >= 0)
		r = field_string(place, object, "operator", &name, err);
	if (r >= 0)
		r = field_strings(place, object, "values", &values, err);
	if (r < 0)
		return r;
	if (!key || !name)
		return place_err(err, -EINVAL, place, object, key ? "key" : "operator",
				 "a match expression needs a key and an operator");
	r = check_key(place, object, "key", key, err);
	if (r < 0)
		return r;
	if (selector->value_count + json_array_size(values) > LABELS_MAX)
		return place_err(err, -EINVAL, place, object, "values",
				 "more than %d values in one selector", LABELS_MAX);
	if (operator_parse(name, &op) < 0)
		return place_err(err, -EINVAL, place, object, "operator",
				 "no operator '%s'; there are In, NotIn, Exists, DoesNotExist",
				 name);
	if (operators[op].takes_values != (json_array_size(values) > 0))
		return place_err(err, -EINVAL, place, object, "operator",
				 operators[op].takes_values ? "%s needs values"
							    : "%s takes no values",
				 name);
	requirement = add_requirement(selector, key, op, json_array_size(values));
	json_array_foreach(values, i, value)
	{
		r = check_value(place, object, "values", json_string_value(value), err);
		if (r < 0)
			return r;
		add_value(requirement, json_string_value(value));
	}
	return 0;
}

int selector_parse(const struct place *place, const json_t *object, const char *key,
		   struct selector *ret_selector, struct err *err)
{
	static const char *const known[] = { "matchLabels", "matchExpressions", NULL };
	_cleanup_(selector_free) struct selector selector = {};
	json_t *given = NULL, *list = NULL, *item;
	size_t i;
	int r = field_get(place, object, key, FIELD_OBJECT, &given, err);

	if (r > 0)
		r = field_known(place, given, key, known, err);
	if (r >= 0)
		r = parse_match_labels(place, given, &selector, err);
	if (r >= 0)
		r = field_objects(place, given, "matchExpressions", &list, err);
	if (r < 0)
		return r;
	if (selector.count + json_array_size(list) > LABELS_MAX)
		return place_err(err, -EINVAL, place, given, "matchExpressions",
				 "more than %d conditions in %s", LABELS_MAX, key);
	json_array_foreach(list, i, item)
	{
		r = parse_expression(place, item, &selector, err);
		if (r < 0)
			return r;
	}
	*ret_selector = selector;
	selector = (struct selector){};
	return 0;
}

static bool requirement_holds(const struct requirement *requirement, const struct labels *labels)
{
	const char *value = labels_get(labels, requirement->key);
	bool found = value != NULL;

	if (operators[requirement->op].takes_values) {
		found = false;
		for (size_t i = 0; value && i < requirement->value_count && !found; i++)
			found = !strcmp(requirement->values[i], value);
	}
	/* NotIn and DoesNotExist don't hold for a key of which nothing is known */
	if (!value && labels->partial)
		return false;
	return found != operators[requirement->op].negated;
}

bool selector_matches(const struct selector *selector, const struct labels *labels)
{
	for (size_t i = 0; i < selector->count; i++)
		if (!requirement_holds(&selector->list[i], labels))
			return false;
	return true;
}

static void describe_requirement(const struct requirement *requirement, FILE *out)
{
	bool negated = operators[requirement->op].negated;

	if (!operators[requirement->op].takes_values) {
		fprintf(out, "%s%s", negated ? "!" : "", requirement->key);
		return;
	}
	if (requirement->value_count == 1) {
		fprintf(out, "%s%s%s", requirement->key, negated ? "!=" : "=",
			requirement->values[0]);
		return;
	}
	fprintf(out, "%s %s (", requirement->key, negated ? "notin" : "in");
	for (size_t i = 0; i < requirement->value_count; i++)
		fprintf(out, "%s%s", i ? ", " : "", requirement->values[i]);
	fputc(')', out);
}

char *selector_describe(const struct selector *selector)
{
	char *text = NULL;
	size_t size;
	FILE *out = xopen_memstream(&text, &size);

	for (size_t i = 0; i < selector->count; i++) {
		if (i)
			fputc(',', out);
		describe_requirement(&selector->list[i], out);
	}
	xclose_memstream(out, &text);
	return text;
}
