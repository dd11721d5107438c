// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What other agents, or this one before, left behind: the first byte says what the rest is. What is
 * understood, written out, is understood as the same.
 */
#include "assignments.c" /* NOLINT(bugprone-suspicious-include) */

#include <stdio.h>
#include <sys/mman.h>

#include "base64.h"
#include "etcd.h"
#include "fail.h"
#include "record_lease.h"
#include "record_json.h"
#include "selector_text.h"
#include "text.h"

static void check_assignments(const char *text, size_t size)
{
	struct assignments assignments = {}, again = {};
	int fd = memfd_create("assignments", 0);
	struct err err = {};
	char path[64], *written;
	json_t *json;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd < 0 || write(fd, text, size) != (ssize_t)size)
		fail("no file", path);
	if (assignments_read(path, &assignments, &err) < 0) {
		if (!*err.text || assignments.count || assignments.tree)
			fail("refused, but in part", text);
	} else {
		written = join(&assignments, &size);
		json = json_loadb(written, size, JSON_REJECT_DUPLICATES, NULL);
		if (!json || parse_file(json, &again, &err) < 0 || again.count != assignments.count)
			fail("not read back", text);
		json_decref(json);
		free(written);
	}
	assignments_free(&assignments);
	assignments_free(&again);
	close(fd);
}

static void check_base64(const char *text, size_t size)
{
	char *bytes, *again, *encoded = base64_encode(text, size);
	size_t length;

	if (base64_decode(encoded, &bytes, &length) < 0 || length != size ||
	    memcmp(bytes, text, size) != 0)
		fail("not decoded as it was encoded", encoded);
	free(bytes);
	free(encoded);
	if (base64_decode(text, &bytes, &length) < 0)
		return;
	encoded = base64_encode(bytes, length);
	/* the bits behind the end may be others */
	if (length > size || base64_decode(encoded, &again, &length) < 0 ||
	    memcmp(bytes, again, length) != 0)
		fail("not decoded as it was decoded", text);
	free(again);
	free(bytes);
	free(encoded);
}

static void check_good(const struct record *record, const struct record *again, const char *text)
{
	json_t *one, *other;

	if (record->shape != RECORD_GOOD)
		return;
	one = record_to_json(record);
	other = again->shape == RECORD_GOOD ? record_to_json(again) : NULL;
	if (!json_equal(one, other))
		fail("another record when read back", text);
	json_decref(one);
	json_decref(other);
}

static void check_record(enum record_kind kind, const char *text, size_t size)
{
	struct record record = { .kind = kind }, again = { .kind = kind };
	struct err err;
	json_t *json = json_parse(text, size, &err), *written;

	record_from_json(&record, json);
	if (record.shape == RECORD_GOOD) {
		written = record_to_json(&record);
		record_from_json(&again, written);
		json_decref(written);
	}
	check_good(&record, &again, text);
	json_decref(json);
}

static void check_lease(const char *text, size_t size)
{
	struct record record = {}, again = {};
	struct err err;
	json_t *json = json_parse(text, size, &err), *written;
	const char *name =
		json_string_value(json_object_get(json_object_get(json, "metadata"), "name"));

	if (name && record_name_parse(name, &record)) {
		record_from_lease(json, &record);
		again = record;
		if (record.shape == RECORD_GOOD) {
			record.revision = 0;
			written = record_to_lease(&record, name, 15);
			record_from_lease(written, &again);
			json_decref(written);
		}
		check_good(&record, &again, text);
	}
	json_decref(json);
}

/* A record has one name. */
static void check_lease_name(const char *text)
{
	char name[RECORD_NAME_MAX + 1];
	struct record record = {};

	if (strlen(text) > RECORD_NAME_MAX || !record_name_parse(text, &record))
		return;
	record_name_format(&record, name);
	if (strcmp(name, text) != 0)
		fail("another name when written out", name);
}

static void check_etcd_key(const char *text, size_t size)
{
	json_t *kv = json_pack("{so}", "key", etcd_base64(text, size)), *key;
	struct record record = {};
	enum etcd_key kind = etcd_record(kv, true, &record);

	if (kind != ETCD_OTHER) {
		key = etcd_key_json(kind, &record);
		if (!json_equal(json_object_get(kv, "key"), key))
			fail("another key when written out", text);
		json_decref(key);
	}
	json_decref(kv);
}

static void check_selector(const char *text)
{
	struct selector selector = {};
	struct err err = {};

	if (selector_parse_text("selector", text, &selector, &err) < 0) {
		if (!*err.text)
			fail("refused without a word", text);
		return;
	}
	selector_matches(&selector, &(struct labels){});
	selector_free(&selector);
}

static void check_escape(const char *text)
{
	char escaped[TEXT_ESCAPED_SIZE(64)];
	json_t *json = text_json(text);

	if (!json)
		fail("no JSON", text);
	json_decref(json);
	text_escape(escaped, sizeof(escaped), text);
	for (const char *at = escaped; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			fail("a control character", escaped);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (!size)
		return 0;
	/* in memory that ends where the text does */
	text = xstrndup((const char *)data + 1, size - 1);
	size = strlen(text);
	switch (data[0]) {
	case 'a':
		check_assignments(text, size);
		break;
	case 'b':
		check_base64(text, size);
		break;
	case 'c':
		check_record(RECORD_CLAIM, text, size);
		break;
	case 'h':
		check_record(RECORD_HEARTBEAT, text, size);
		break;
	case 'l':
		check_lease(text, size);
		break;
	case 'n':
		check_lease_name(text);
		break;
	case 'k':
		check_etcd_key(text, size);
		break;
	case 's':
		check_selector(text);
		break;
	case 't':
		check_escape(text);
		break;
	default:
		break;
	}
	free(text);
	return 0;
}
