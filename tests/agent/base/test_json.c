// SPDX-License-Identifier: GPL-2.0-or-later
/* JSON from outside: what one part of it has doesn't hide the others. */
#include <string.h>
#include <criterion/criterion.h>

#include "json.h"

static void expect(const char *text, const char *parsed)
{
	struct err err;
	_cleanup_json_ json_t *json = json_parse(text, strlen(text), &err);
	_cleanup_free_ char *shown = json ? json_dumps(json, JSON_COMPACT) : NULL;

	cr_expect_str_eq(shown ?: err.text, parsed);
}

Test(json, characters_that_jansson_refuses)
{
	expect("{\"a\": \"\\u0000\", \"b\\u0000\": [\"\\\\u0000\", \"\\\\\\u0000\"]}",
	       "{\"a\":\"\uFFFD\",\"b\uFFFD\":[\"\\\\u0000\",\"\\\\\uFFFD\"]}");
	expect("{\"a\xff\": \"ä\xc3\xf0\x9f\", \"b\": \"\u20ac\xed\xa0\x80\"}",
	       "{\"a?\":\"ä???\",\"b\":\"\u20ac???\"}");
	expect("{\"a\": \"\\", "isn't JSON, and begins with \"{\"a\": \"\\\"");
	expect("{\"a\": \"\\u0000", "isn't JSON, and begins with \"{\"a\": \"\\u0000\"");
}

/* @levels arrays within one another, before the number 7. */
static void nest(char *text, size_t levels)
{
	memset(text + 1, '[', levels);
	memset(text + 1 + levels, ']', levels);
	text[0] = '[';
	memcpy(text + 1 + 2 * levels, ",7]", sizeof(",7]"));
}

static json_t *parse_nested(size_t levels, struct err *err)
{
	_cleanup_free_ char *text = malloc(2 * levels + sizeof("[,7]"));

	nest(text, levels);
	return json_parse(text, strlen(text), err);
}

Test(json, deeper_than_anybody_needs)
{
	for (size_t levels = JSON_DEPTH_MAX - 2; levels < 10000; levels += levels) {
		struct err err;
		_cleanup_json_ json_t *json = parse_nested(levels, &err);
		const json_t *inner = json;
		size_t deep = 0;

		cr_assert_not_null(json, "%s", err.text);
		cr_expect_eq(json_integer_value(json_array_get(json, 1)), 7);
		while ((inner = json_array_get(inner, 0)))
			deep++;
		cr_expect_eq(deep, levels < JSON_DEPTH_MAX ? levels : JSON_DEPTH_MAX - 1);
	}
	expect("[[", "isn't JSON, and begins with \"[[\"");
}

Test(json, what_an_outline_leaves_out)
{
	static const char text[] = "{\"a\": [{\"b\": [1e999], \"c\": {\"d\": 1}}], \"e\": {\"f\": "
				   "{\"g\": {\"h\": 1}, \"i\": [2], \"j\": 3}}}";
	struct err err;
	_cleanup_json_ json_t *outline = json_outline(text, strlen(text), 3, &err);
	_cleanup_free_ char *shown = outline ? json_dumps(outline, JSON_COMPACT) : NULL;

	cr_expect_str_eq(shown ?: err.text,
			 "{\"a\":[{\"b\":[],\"c\":{}}],\"e\":{\"f\":{\"g\":{},\"i\":[],\"j\":3}}}");
}

Test(json, the_outline_and_the_elements_of_a_list)
{
	static const char text[] =
		"{\"metadata\": {\"continue\": \"}[{\\\"\"}, \"other\": {\"a\": {\"b\": 1}},"
		" \"items\": [{\"a\": [\"]}\", {}]}, 5, [1], {1e999}]}";
	static const char *const elements[] = { "{\"a\": [\"]}\", {}]}", "[1]", "{1e999}" };
	struct json_walk walk = { .text = text, .length = strlen(text) };
	struct err err;
	_cleanup_json_ json_t *outline = json_outline(text, strlen(text), 2, &err);
	_cleanup_free_ char *shown = json_dumps(outline, JSON_COMPACT);
	const char *element;
	size_t length, count = 0;

	cr_expect_str_eq(shown, "{\"metadata\":{\"continue\":\"}[{\\\"\"},\"other\":{\"a\":{}},"
				"\"items\":[]}");
	while (json_next_element(&walk, &element, &length)) {
		cr_assert_lt(count, sizeof(elements) / sizeof(elements[0]));
		cr_expect_eq(length, strlen(elements[count]));
		cr_expect_arr_eq(element, elements[count], length);
		count++;
	}
	cr_expect_eq(count, sizeof(elements) / sizeof(elements[0]));
}
