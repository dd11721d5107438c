// SPDX-License-Identifier: GPL-2.0-or-later
/* What namespaces may use of the bounds that all share. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <criterion/criterion.h>

#include "alloc.h"
#include "cleanup.h"
#include "service.h"
#include "source_items.h"

/* There is room for so many addresses. */
#define ROOM (SOURCE_COST_MAX / SERVICE_ADDRESS_COST)

static struct source_items items;
static char left_out[256]; /* names, one after the other */

static void fresh(void)
{
	source_items_free(&items);
	left_out[0] = '\0';
}

static void note(struct source_item *item, void *data)
{
	size_t used = strlen(left_out);

	cr_assert(item->refused && !item->cost && !item->manifest.service_count);
	snprintf(left_out + used, sizeof(left_out) - used, "%s%s", used ? " " : "",
		 source_item_object_name(item));
}

/* The Service @name, NAMESPACE/NAME, becomes known with so many addresses; returns whether it has
 * room. */
static bool add(const char *name, size_t addresses)
{
	_cleanup_free_ char *namespace = xstrndup(name, strcspn(name, "/"));
	struct source_item *item = source_items_get_object(&items, SOURCE_ITEM_SERVICES, namespace,
							   strchr(name, '/') + 1);
	struct service *service = xcalloc(1, sizeof(*service));
	struct manifest manifest = {};

	service->references = 1;
	service->external.count = addresses;
	ALLOC_GROW(manifest.services, manifest.service_count, manifest.service_capacity);
	manifest.services[manifest.service_count++] = service;
	item->refused = source_item_make_room(&items, item, &manifest, note, NULL);
	if (item->refused) {
		manifest_free(&manifest);
		return false;
	}
	source_item_set(&items, item, &manifest);
	return true;
}

static void expect_left_out(const char *names)
{
	cr_expect_str_eq(left_out, names);
	cr_expect_leq(items.memory.used, SOURCE_COST_MAX);
	left_out[0] = '\0';
}

TestSuite(source_items, .init = fresh, .fini = fresh);

Test(source_items, the_last_of_a_larger_namespace_gives_way)
{
	cr_expect(add("a/1", ROOM - 20));
	cr_expect(add("a/2", 10));
	cr_expect(add("a/3", 10));
	cr_expect(add("z/1", 1));
	expect_left_out("a/3");
	cr_expect(add("z/2", 9));
	expect_left_out("");
	cr_expect(add("z/3", 1));
	expect_left_out("a/2");
}

Test(source_items, the_largest_namespace_first)
{
	cr_expect(add("a/1", 40000));
	cr_expect(add("b/1", ROOM - 40000 - 40010));
	cr_expect(add("b/2", 10));
	cr_expect(add("c/1", 40000));
	cr_expect(add("z/1", 5));
	expect_left_out("b/2");
	cr_expect(add("z/2", 10));
	expect_left_out("b/1");
}

Test(source_items, several_by_turns)
{
	cr_expect(add("a/1", 40000));
	cr_expect(add("a/2", 21000));
	cr_expect(add("b/1", 40000));
	cr_expect(add("b/2", 20000));
	cr_expect(add("b/3", ROOM - 121000));
	cr_expect(add("z/1", 35000));
	expect_left_out("b/3 a/2 b/2");
}

/* Nobody gives way in vain, nor to what would be as large. */
Test(source_items, what_does_not_suffice)
{
	cr_expect(add("a/1", 60000));
	cr_expect(add("a/2", 100));
	cr_expect(add("b/1", ROOM - 60100));
	cr_expect_not(add("b/2", 1));
	cr_expect_not(add("c/1", ROOM - 60100));
	cr_expect_not(add("c/2", 60000));
	expect_left_out("");
	cr_expect(add("c/3", 1));
	expect_left_out("b/1");
}

/* One that grows is a newcomer with what it needs more; what stays is its former version. */
Test(source_items, one_that_grows)
{
	cr_expect(add("a/1", ROOM - 100));
	cr_expect(add("a/2", 90));
	cr_expect(add("z/1", 10));
	cr_expect(add("z/1", 20));
	expect_left_out("a/2");
	cr_expect_not(add("a/1", ROOM));
	expect_left_out("");
	cr_expect_eq(items.memory.used, (size_t)(ROOM - 80) * SERVICE_ADDRESS_COST);
}

/* In whatever order the objects become known, and however often again. */
Test(source_items, small_namespaces_keep_theirs)
{
	unsigned int seed = 26;

	for (int round = 0; round < 200; round++) {
		char names[60][16];

		fresh();
		for (int i = 0; i < 60; i++)
			snprintf(names[i], sizeof(names[i]), i < 30 ? "a/%d" : "z%d/1", i);
		for (int i = 59; i > 0; i--) {
			int at = rand_r(&seed) % (i + 1);
			char name[16];

			memcpy(name, names[at], sizeof(name));
			memcpy(names[at], names[i], sizeof(name));
			memcpy(names[i], name, sizeof(name));
		}
		for (int i = 0; i < 60; i++) {
			add(names[i], *names[i] == 'a' ? 10000 : 100);
			left_out[0] = '\0';
		}
		for (int i = 0; i < 60; i++) {
			_cleanup_free_ char *name = xasprintf(SOURCE_ITEM_SERVICES "%s", names[i]);
			const struct source_item *item = source_items_find(&items, name);

			cr_assert(item);
			cr_expect(*names[i] == 'a' || item->cost, "%s", names[i]);
			/* it has no better place now */
			if (item->refused)
				cr_expect_not(add(names[i], 10000), "%s", names[i]);
		}
		expect_left_out("");
		cr_expect_geq(items.memory.used, (size_t)(ROOM - 10000) * SERVICE_ADDRESS_COST);
	}
}

Test(source_items, a_namespace_of_many_services)
{
	source_items_get_object(&items, SOURCE_ITEM_NODES, NULL, "n1");
	source_items_get_object(&items, SOURCE_ITEM_SERVICES, "a", "1");
	source_items_get_object(&items, SOURCE_ITEM_SERVICES, "a", "2");
	source_items_get_object(&items, SOURCE_ITEM_SERVICES, "a-b", "1");
	cr_expect_eq(items.services.used, 3);
	cr_expect_str_eq(source_items_last_of_larger(&items, "z")->name, "services a/2");
	cr_expect_null(source_items_last_of_larger(&items, "a-b"));
	cr_expect_null(source_items_last_of_larger(&items, "a"));
	source_items_remove(&items, "services a/2");
	cr_expect_null(source_items_last_of_larger(&items, "z"));
}
