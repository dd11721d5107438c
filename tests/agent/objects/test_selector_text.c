// SPDX-License-Identifier: GPL-2.0-or-later
/* Label selectors in kubectl's notation: what they match, what isn't one, and what is too much. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <criterion/criterion.h>

#include "selector_text.h"

#define BAD (-1)

static const struct {
	const char *text;
	int matches; /* zone=a, disk=ssd, example.com/gpu= */
} rows[] = {
	{ "", true },
	{ "zone=a", true },
	{ "zone==a", true },
	{ " zone = a ", true },
	{ "zone=b", false },
	{ "zone!=b", true },
	{ "zone!=a", false },
	{ "absent!=a", true },
	{ "zone", true },
	{ "!zone", false },
	{ "! absent", true },
	{ "absent", false },
	{ "example.com/gpu", true },
	{ "example.com/gpu=", true },
	{ "zone in (a)", true },
	{ "zone in (b,c)", false },
	{ "zone in ( b , a )", true },
	{ "zone in(a)", true },
	{ "zone notin (b, c)", true },
	{ "zone notin (a)", false },
	{ "zone=a,disk=ssd", true },
	{ "zone=a, disk in (hdd), !absent", false },
	{ "in in (in)", false },
	{ "zone=a,", BAD },
	{ ",zone=a", BAD },
	{ "zone=a disk=ssd", BAD },
	{ "zone a", BAD },
	{ "=a", BAD },
	{ "!", BAD },
	{ "!zone=a", BAD },
	{ "zone in a", BAD },
	{ "zone in (a", BAD },
	{ "zone in (a) b", BAD },
	{ "zone inside (a)", BAD },
	{ "zone=(a)", BAD },
	{ "zone>1", BAD },
	{ "zone=a=b", BAD },
	{ "-zone", BAD },
	{ "zone=-a", BAD },
};

Test(selector_text, rows)
{
	struct labels labels = {};

	labels_set(&labels, "zone", "a");
	labels_set(&labels, "disk", "ssd");
	labels_set(&labels, "example.com/gpu", "");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct selector selector = {};
		struct err err;
		int r = selector_parse_text("key", rows[i].text, &selector, &err);

		if (rows[i].matches == BAD) {
			cr_assert_lt(r, 0, "'%s' was accepted", rows[i].text);
			cr_assert_eq(selector.count, 0);
			cr_assert(!strncmp(err.text, "key: ", 5), "%s", err.text);
			continue;
		}
		cr_assert_eq(r, 0, "%s", err.text);
		cr_assert_eq(selector_matches(&selector, &labels), rows[i].matches, "'%s'",
			     rows[i].text);
		selector_free(&selector);
	}
	labels_free(&labels);
}

/* @begin, @count values, @end. The caller frees it. */
static char *with_values(const char *begin, size_t count, const char *end)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fputs(begin, out);
	for (size_t i = 0; i < count; i++)
		fputs(i ? ",a" : "a", out);
	fputs(end, out);
	fclose(out);
	return text;
}

static const struct {
	const char *begin;
	size_t count;
	const char *end;
	const char *fault; /* NULL: accepted */
} bounds[] = {
	{ "a in (", 1000, ")", NULL },
	{ "a in (", 1001, ")", "more than 1000 values in one selector" },
	{ "a in (", 1000, "),b=a", "more than 1000 values in one selector" },
	{ "a in (", 8189, "", "no label selector" },
	{ "a in (", 8190, "", "key: longer than 16384 bytes" },
};

Test(selector_text, bounds)
{
	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		char *text = with_values(bounds[i].begin, bounds[i].count, bounds[i].end);
		struct selector selector = {};
		struct err err;
		int r = selector_parse_text("key", text, &selector, &err);

		free(text);
		if (bounds[i].fault) {
			cr_assert_lt(r, 0);
			cr_assert(strstr(err.text, bounds[i].fault), "%s", err.text);
			continue;
		}
		cr_assert_eq(r, 0, "%s", err.text);
		cr_assert_geq(selector_cost(&selector), bounds[i].count * 24,
			      "a pointer, a string");
		selector_free(&selector);
	}
}

Test(selector_text, labels_in_any_order)
{
	struct labels labels = {};
	char key[16], value[16];

	for (int turn = 0; turn < 2; turn++)
		for (int i = 0; i < 1000; i++) {
			snprintf(key, sizeof(key), "k%d", i * 7919 % 1000);
			snprintf(value, sizeof(value), "v%d", i + turn);
			labels_set(&labels, key, value);
		}
	cr_assert_eq(labels.count, 1000);
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "k%d", i * 7919 % 1000);
		snprintf(value, sizeof(value), "v%d", i + 1);
		cr_assert_str_eq(labels_get(&labels, key), value);
		cr_assert(!i || strcmp(labels.list[i - 1].key, labels.list[i].key) < 0);
	}
	cr_assert_null(labels_get(&labels, "k"));
	cr_assert_null(labels_get(&labels, "z"));
	labels_free(&labels);
}
