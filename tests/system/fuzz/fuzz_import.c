// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files of addresses, as import reads and save writes them: what save writes import reads back, and
 * an address written out is the same address read again. Even inputs are a file, odd ones rows.
 */
#define link_for_arp	fuzz_link_for_arp
#define device_read_all fuzz_device_read_all
#include "cmd_import.c" /* NOLINT(bugprone-suspicious-include) */

#include <ctype.h>
#include <stdlib.h>

#include "fail.h"

#define ROOM 300

/* The interfaces there are: those that were asked for. The first has ifindex 1. */
static struct device_table devices;

/* dev_valid_name() in the kernel's net/core/dev.c; its isspace() has ISO 8859-1's. */
static bool is_device_name(const char *name)
{
	if (!*name || strlen(name) >= IFNAMSIZ || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (; *name; name++)
		if (*name == '/' || *name == ':' || isspace((unsigned char)*name) ||
		    *name == (char)0xa0)
			return false;
	return true;
}

int link_for_arp(const char *name, struct link *ret_link, struct err *err)
{
	struct link link = { .ethernet = true };
	unsigned int i = 0;

	if (!is_device_name(name))
		return err_set(err, -ENODEV, "no such interface");
	while (i < devices.count && strcmp(devices.rows[i].name, name) != 0)
		i++;
	if (i == L2RESP_MAX_DEVICES)
		return err_set(err, -ENOSPC, "too many");
	devices.count = i == devices.count ? i + 1 : devices.count;
	devices.rows[i].ifindex = link.ifindex = i + 1;
	memcpy(devices.rows[i].name, name, strlen(name) + 1);
	memcpy(link.name, name, strlen(name) + 1);
	memcpy(link.mac, (uint8_t[]){ 2, 0, 0, 0, 0, i }, ETH_ALEN);
	*ret_link = link;
	return 0;
}

int device_read_all(const struct pins *pins, struct device_table *ret_table, struct err *err)
{
	*ret_table = devices;
	return 0;
}

/* Of a prefix, by its length alone. */
static uint64_t prefix_size(const char *word, bool v6)
{
	unsigned long bits = (v6 ? 128 : 32) - strtoul(strchr(word, '/') + 1, NULL, 10);

	return bits < 64 ? 1ULL << bits : UINT64_MAX;
}

static void check_range(const char *word)
{
	char first[INET6_ADDRSTRLEN], last[INET6_ADDRSTRLEN], text[2 * INET6_ADDRSTRLEN];
	struct addr_range range, again;
	struct address at;
	struct err err = {};

	if (addr_range_parse(word, &range, &err)) {
		if (!*err.text)
			fail("refused without a word", word);
		return;
	}
	if (address_is_v4(&range.first) == !!strchr(word, ':') ||
	    address_is_v4(&range.last) != address_is_v4(&range.first))
		fail("of another family", word);
	address_format(&range.first, first);
	address_format(&range.last, last);
	snprintf(text, sizeof(text), "%s-%s", first, last);
	if (addr_range_parse(text, &again, &err) || memcmp(&range, &again, sizeof(range)) != 0)
		fail("another range when written out", text);
	if (!addr_range_size(&range) || address_compare(&range.first, &range.last) > 0)
		fail("an empty range", word);
	if (strchr(word, '/') &&
	    addr_range_size(&range) != prefix_size(word, !address_is_v4(&range.first)))
		fail("not the whole prefix", word);
	at = range.first;
	for (uint64_t i = addr_range_size(&range); i < ROOM && i > 1; i--)
		address_increment(&at);
	if (addr_range_size(&range) < ROOM && address_compare(&at, &range.last) != 0)
		fail("not as many as it says", word);
}

/* Separators aside, of which there are several forms. */
static bool same_digits(const char *a, const char *b)
{
	for (;; a++, b++) {
		a += strspn(a, ":");
		b += strspn(b, ":-.");
		if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
			return false;
		if (!*a)
			return true;
	}
}

static void check_mac(const char *word)
{
	uint8_t mac[ETH_ALEN];
	char text[MAC_TEXT_SIZE];
	struct err err = {};

	if (mac_parse(word, mac, &err)) {
		if (!*err.text)
			fail("refused without a word", word);
	} else if (!same_digits(mac_format(mac, text), word)) {
		fail("another MAC when written out", word);
	}
}

static void check_words(const char *text)
{
	_cleanup_free_ char *copy = strdup(text);
	char *state = NULL;

	for (char *word = strtok_r(copy, " \t\n", &state); word;
	     word = strtok_r(NULL, " \t\n", &state)) {
		check_range(word);
		check_mac(word);
	}
}

static int read_text(const char *text, size_t size, struct import *import, struct err *err)
{
	_cleanup_(cleanup_file) FILE *file = size ? fmemopen((void *)text, size, "r") : NULL;
	int r;

	*import = (struct import){ .name = "input" };
	if (!file)
		return 0;
	r = import_read(import, file, ROOM, err);
	if (r < 0 && !*err->text)
		fail("fails without a word", text);
	return r;
}

static bool wanted_equal(const struct entry_wanted *a, const struct entry_wanted *b)
{
	return !entry_key_compare(&a->key, &b->key) && !memcmp(&a->head, &b->head, sizeof(a->head));
}

/* What save writes of @list, import reads as @list. */
static void check_saved(const struct spec_list *list)
{
	_cleanup_(entry_table_free) struct entry_table table = {
		.rows = calloc(list->count + 1, sizeof(*table.rows)), .count = list->count
	};
	_cleanup_free_ char *text = NULL;
	struct import import = {};
	struct err err = {};
	size_t size, saved;
	FILE *file = open_memstream(&text, &size);

	for (size_t i = 0; i < list->count; i++)
		table.rows[i] = (struct entry_row){ .key = list->wanted[i].key,
						    .head = list->wanted[i].head };
	if (save_rows(NULL, &table, file, &saved, &err) || saved != list->count)
		fail("not saved", err.text);
	fclose(file);
	if (read_text(text, size, &import, &err) || import.list.count != list->count)
		fail("not read back", text);
	for (size_t i = 0; i < list->count; i++)
		if (!wanted_equal(&import.list.wanted[i], &list->wanted[i]))
			fail("another entry read back", text);
	spec_list_free(&import.list);
}

/* Any rows that there may be in the maps: a flag byte, a host byte, a name. */
static void check_rows(const uint8_t *data, size_t size)
{
	struct spec_list list = {};
	struct err err;

	for (size_t next; size >= 3; data += next, size -= next) {
		struct spec spec = { .mac_fixed = data[0] & 1, .mac = { 2, data[0], data[1] } };
		struct link link;
		char name[IFNAMSIZ] = {};

		next = 2 + strnlen((const char *)data + 2, size - 2 < 15 ? size - 2 : 15);
		memcpy(name, data + 2, next - 2);
		next += next < size && !data[next];
		spec.range.first.bytes[0] = 0x20;
		if (data[0] & 2)
			spec.range.first =
				(struct address){ { [10] = 0xff, 0xff, 198, 18, [15] = data[1] } };
		else
			spec.no_override = data[0] & 4;
		spec.range.first.bytes[15] = data[1];
		spec.range.last = spec.range.first;
		if (!link_for_arp(name, &link, &err) &&
		    spec_list_append(&list, &spec, &link, 0, ROOM, &err))
			break;
	}
	check_saved(&list);
	spec_list_free(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = NULL;
	struct import import;
	struct err err = {};

	if (!size)
		return 0;
	devices.count = 0;
	if (data[0] & 1) {
		check_rows(data + 1, size - 1);
		return 0;
	}
	text = strndup((const char *)data + 1, size - 1);
	check_words(text);
	if (!read_text((const char *)data + 1, size - 1, &import, &err))
		check_saved(&import.list);
	spec_list_free(&import.list);
	return 0;
}
