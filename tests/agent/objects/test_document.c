// SPDX-License-Identifier: GPL-2.0-or-later
/* YAML that is read in steps: where they end, and that lines are known. */
#include <errno.h>
#include <string.h>
#include <criterion/criterion.h>

#include "document.h"

static const char list[] = "# as kubectl writes it\n"
			   "apiVersion: v1\n"
			   "items:\n"
			   "- {name: a}\n"
			   "- name: b\n"
			   "  more: [1, 2]\n"
			   "kind: List\n"
			   "---\n"
			   "[1, 2]\n"
			   "---\n"
			   "items: 1\n";

/* The next document, and after how many steps; NULL: there is none. */
static struct yaml_document *next(struct yaml_reader *reader, int *ret_steps)
{
	struct yaml_document *document = NULL;
	struct err err;
	int r = 0;

	for (*ret_steps = 0; !document && !r; ++*ret_steps)
		r = yaml_next(reader, &document, &err);
	cr_assert(!r || r == YAML_END, "%s", err.text);
	return document;
}

Test(document, a_list_is_read_in_steps)
{
	struct yaml_reader *reader = yaml_open("given", list, strlen(list));
	struct yaml_document *document;
	const json_t *items;
	int steps;

	document = next(reader, &steps);
	cr_assert_not_null(document);
	/* the root, three keys, two items, the end of each */
	cr_expect_eq(steps, 1 + 3 + 2 + 2);
	cr_expect_eq(document->line, 2);
	cr_expect_str_eq(json_string_value(json_object_get(document->root, "kind")), "List");
	items = json_object_get(document->root, "items");
	cr_assert_eq(json_array_size(items), 2);
	cr_expect_eq(yaml_key_line(document, document->root, "items"), 3);
	cr_expect_eq(yaml_key_line(document, document->root, "kind"), 7);
	cr_expect_eq(yaml_key_line(document, json_array_get(items, 1), "more"), 6);
	cr_expect_eq(json_array_size(json_object_get(json_array_get(items, 1), "more")), 2);
	document = next(reader, &steps);
	cr_expect(document && json_array_size(document->root) == 2);
	cr_expect_eq(steps, 1);
	document = next(reader, &steps);
	cr_expect(document && json_integer_value(json_object_get(document->root, "items")) == 1);
	cr_expect_eq(yaml_key_line(document, document->root, "items"), 11);
	cr_expect_null(next(reader, &steps));
	yaml_close(reader);
}

Test(document, a_list_that_ends_amid_an_item_is_wrong)
{
	static const char text[] = "items:\n- {name: a}\n- {name: \n";
	struct yaml_reader *reader = yaml_open("given", text, strlen(text));
	struct yaml_document *document;
	struct err err;
	int r;

	do
		r = yaml_next(reader, &document, &err);
	while (!r && !document);
	cr_expect_eq(r, -EINVAL);
	cr_expect_eq(strncmp(err.text, "given:4: ", 9), 0, "%s", err.text);
	yaml_close(reader);
}
