// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "client_status.h"
#include "table.h"

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key)) ?: "";
}

static long long number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void print_node(const json_t *answer)
{
	const json_t *store = json_object_get(answer, "store");
	const char *trouble = text_of(store, "trouble"), *why = text_of(answer, "why");

	printf("node      %s\n", text_of(answer, "node"));
	printf("drained   %s\n", json_is_true(json_object_get(answer, "drained")) ? "yes" : "no");
	printf("ready     %s%s%s\n", json_is_true(json_object_get(answer, "ready")) ? "yes" : "no",
	       *why ? "; " : "", why);
	printf("store     %s, %s%s%s\n", text_of(store, "engine"), text_of(store, "state"),
	       *trouble ? ": " : "", trouble);
	printf("sessions  %lld begun or resumed; addresses: %lld wanted, %lld held\n",
	       number_of(answer, "sessions"), number_of(answer, "wanted"),
	       number_of(answer, "held"));
}

static void print_reasons(const json_t *answer)
{
	const json_t *reasons = json_object_get(answer, "reasons"), *row;
	size_t i;

	printf("\n%6lld  announced\n", number_of(answer, "announced"));
	json_array_foreach(reasons, i, row) printf("%6lld  %s, e.g. %s\n", number_of(row, "count"),
						   text_of(row, "reason"), text_of(row, "why"));
}

/* Appends @word unless it is already the last one. */
static void append(struct err *text, const char *word)
{
	size_t used = strlen(text->text), length = strlen(word);

	if (used >= length && !strcmp(text->text + used - length, word) &&
	    (used == length || text->text[used - length - 1] == ' '))
		return;
	snprintf(text->text + used, sizeof(text->text) - used, "%s%s", used ? ", " : "", word);
}

static void print_service(struct table *table, const json_t *service)
{
	const json_t *addresses = json_object_get(service, "addresses"), *address;
	struct err ips = {}, holders = {}, here = {};
	size_t i;

	json_array_foreach(addresses, i, address)
	{
		bool known = json_is_true(json_object_get(address, "known"));
		const char *holder = text_of(address, "holder"),
			   *reason = text_of(address, "reason");

		append(&ips, text_of(address, "ip"));
		append(&holders, !known ? "not known" : *holder ? holder : "nobody");
		append(&here, *reason ? reason : "announced");
	}
	if (*text_of(service, "reason"))
		append(&here, text_of(service, "reason"));
	table_cell(table, "%s/%s", text_of(service, "namespace"), text_of(service, "service"));
	table_cell(table, "%s", ips.text);
	table_cell(table, "%s", holders.text);
	table_cell(table, "%s", here.text);
}

void client_print_status(const json_t *answer)
{
	static const char *const titles[] = { "SERVICE", "ADDRESSES", "HOLDER", "HERE", NULL };
	const json_t *services = json_object_get(answer, "services"), *service;
	struct table *table;
	size_t i;

	print_node(answer);
	print_reasons(answer);
	putchar('\n');
	if (!json_array_size(services)) {
		puts("no Service has an address, or asks for one");
		return;
	}
	table = table_begin(titles);
	json_array_foreach(services, i, service) print_service(table, service);
	table_end(table);
}
