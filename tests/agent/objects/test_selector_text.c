// SPDX-License-Identifier: GPL-2.0-or-later
/* Label selectors in kubectl's notation: what they match, and what isn't one. */
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
