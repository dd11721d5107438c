// SPDX-License-Identifier: GPL-2.0-or-later
/* A node's own addresses: who may write a Node's status decides how many there are. */
#include <stdio.h>
#include <jansson.h>
#include <criterion/criterion.h>

#include "clock.h"
#include "growth.h"
#include "manifest.h"
#include "own_address.h"
#include "record.h"

/* each address twice, in descending order */
#define DISTINCT 50000

static json_t *node_json(size_t distinct)
{
	json_t *addresses = json_array();

	for (unsigned int i = 2 * distinct; i--;) {
		char ip[32];

		snprintf(ip, sizeof(ip), "198.%u.%u.%u", 18 + i / 2 / 65536, i / 2 / 256 % 256,
			 i / 2 % 256);
		json_array_append_new(addresses,
				      json_pack("{ss ss}", "type", "InternalIP", "address", ip));
	}
	return json_pack("{s{ss} s{so}}", "metadata", "name", "node-1", "status", "addresses",
			 addresses);
}

static uint64_t find(size_t distinct)
{
	const struct place place = { "test", NULL };
	json_t *object = node_json(distinct);
	uint64_t took_ns = clock_thread_cpu_ns();
	struct node node;
	struct manifest manifest = { .nodes = &node, .node_count = 1 };
	const struct manifest *const manifests[] = { &manifest };
	const struct policy_input input = { .manifests = manifests, .count = 1, .node = "node-1" };
	const struct local_address_table local = {};
	struct address_list own;
	struct address first;
	size_t left_out;
	struct err err;

	cr_assert_eq(node_parse(&place, object, &node, &err), 0, "%s", err.text);
	own = own_address_find(&input, &local, &left_out);
	took_ns = clock_thread_cpu_ns() - took_ns;
	cr_assert_eq(own.count, RECORD_OWN_MAX);
	cr_expect_eq(left_out, distinct - RECORD_OWN_MAX);
	address_parse("198.18.0.0", &first);
	cr_expect_eq(address_compare(&own.list[0], &first), 0);
	address_list_free(&own);
	node_clear(&node);
	json_decref(object);
	return took_ns;
}

Test(own_address, of_a_node_with_very_many)
{
	cr_expect(is_linear(find, DISTINCT));
}
