// SPDX-License-Identifier: GPL-2.0-or-later
/* Services that change while their rows are written. */
#include <stdio.h>
#include <stdlib.h>
#include <criterion/criterion.h>

#include "address_list.h"
#include "agent_rows.h"
#include "alloc.h"
#include "cleanup.h"

static json_t *begin(const struct service *service, void *userdata)
{
	return json_pack("{s:s}", "service", service->name);
}

static void write_address(const struct address *address, const struct lease_info *info,
			  const char *field, FILE *out, void *userdata)
{
	fputs("1", out);
}

static const struct rows_writer writer = { begin, write_address };

/* Writes a part of @count addresses. Returns whether there is another. */
static bool write_part(struct rows *rows, size_t count, FILE *out)
{
	struct rows_part part = { .count = count };

	return rows_write(rows, &part, &writer, out, NULL);
}

/* Its pool takes the last address back before the last part is written. */
Test(agent_rows, an_address_goes_between_two_parts)
{
	struct service service = { .name = "web", .references = 1 };
	const struct service *list = &service;
	const struct address vip = { { 1 } };
	_cleanup_free_ char *text = NULL;
	struct rows rows;
	json_t *json;
	size_t size;
	FILE *out = xopen_memstream(&text, &size);

	for (size_t i = 0; i < ROWS_PART; i++)
		address_list_add(&service.external, &vip);
	address_list_add(&service.load_balancer, &vip);
	rows_init(&rows, &list, 1);
	cr_expect(write_part(&rows, ROWS_PART, out));
	service.load_balancer.count = 0;
	cr_expect_not(write_part(&rows, 0, out));
	xclose_memstream(out, &text);
	json = json_loads(text, 0, NULL);
	cr_expect_eq(json_array_size(json_object_get(json, "addresses")), ROWS_PART);
	json_decref(json);
	rows_free(&rows);
	address_list_free(&service.external);
	address_list_free(&service.load_balancer);
}
