// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base64.h"
#include "cleanup.h"
#include "clock.h"
#include "etcd.h"
#include "json.h"
#include "record_json.h"
#include "text_hash.h"

/* Keys are /xdp-l2resp/claim/ADDRESS, /xdp-l2resp/mark, and for a heartbeat /xdp-l2resp/node/NAME
 * and /xdp-l2resp/pulse/HASH/NAME. */
#define CLAIM_PREFIX ETCD_PREFIX "claim/"
#define MARK	     ETCD_PREFIX "mark"
#define NODE_PREFIX  ETCD_PREFIX "node/"

json_t *etcd_base64(const char *text, size_t length)
{
	_cleanup_free_ char *encoded = base64_encode(text, length);

	return json_string(encoded);
}

char *etcd_key(const json_t *kv)
{
	const char *key64 = json_string_value(json_object_get(kv, "key"));
	size_t length;
	char *key;

	if (!key64 || base64_decode(key64, &key, &length) < 0)
		return NULL;
	if (strlen(key) == length)
		return key;
	free(key);
	return NULL;
}

uint64_t etcd_ring_point(const char *node)
{
	return hash_finish(hash_text(HASH_BEGIN, node));
}

static void pulse_key(const char *node, char key[ETCD_KEY_MAX])
{
	snprintf(key, ETCD_KEY_MAX, ETCD_PULSE_PREFIX "%016" PRIx64 "/%s", etcd_ring_point(node),
		 node);
}

void etcd_pulse_range(struct etcd_range *range, const char *first, const char *last)
{
	size_t length;

	pulse_key(first, range->from);
	pulse_key(last, range->to);
	/* no name has this character */
	length = strlen(range->to);
	memcpy(range->to + length, "\001", 2);
}

static bool node_parse(const char *name, struct record *record)
{
	record->kind = RECORD_HEARTBEAT;
	if (!*name || strlen(name) > RECORD_NODE_MAX)
		return false;
	node_name_copy(record->node, name);
	return true;
}

static bool pulse_parse(const char *key, struct record *record)
{
	const char *name = strchr(key + strlen(ETCD_PULSE_PREFIX), '/');
	char expected[ETCD_KEY_MAX];

	if (!name || !node_parse(name + 1, record))
		return false;
	pulse_key(record->node, expected);
	return !strcmp(key, expected);
}

static bool claim_parse(const char *name, struct record *record)
{
	record->kind = RECORD_CLAIM;
	if (inet_pton(AF_INET6, name, record->address.bytes) == 1) {
		char text[INET6_ADDRSTRLEN];

		/* one spelling is the address's; a mapped IPv4 one is another's */
		return !strcmp(address_format(&record->address, text), name);
	}
	memset(record->address.bytes, 0, sizeof(record->address.bytes));
	record->address.bytes[10] = record->address.bytes[11] = 0xff;
	return inet_pton(AF_INET, name, record->address.bytes + 12) == 1;
}

static bool begins_with(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

/* What the key is of, and kind, address and node of its record. */
static enum etcd_key key_parse(const char *key, struct record *record)
{
	if (begins_with(key, NODE_PREFIX))
		return node_parse(key + strlen(NODE_PREFIX), record) ? ETCD_NODE : ETCD_OTHER;
	if (begins_with(key, ETCD_PULSE_PREFIX))
		return pulse_parse(key, record) ? ETCD_PULSE : ETCD_OTHER;
	if (begins_with(key, CLAIM_PREFIX))
		return claim_parse(key + strlen(CLAIM_PREFIX), record) ? ETCD_CLAIM : ETCD_OTHER;
	return strcmp(key, MARK) != 0 ? ETCD_OTHER : ETCD_MARK;
}

json_t *etcd_key_json(enum etcd_key kind, const struct record *record)
{
	char text[INET6_ADDRSTRLEN], key[ETCD_KEY_MAX] = MARK;

	if (kind == ETCD_CLAIM)
		snprintf(key, sizeof(key), CLAIM_PREFIX "%s",
			 address_format(&record->address, text));
	else if (kind == ETCD_NODE)
		snprintf(key, sizeof(key), NODE_PREFIX "%s", record->node);
	else if (kind == ETCD_PULSE)
		pulse_key(record->node, key);
	return etcd_base64(key, strlen(key));
}

enum etcd_key etcd_record(const json_t *kv, bool deleted, struct record *ret_record)
{
	const char *value64 = json_string_value(json_object_get(kv, "value"));
	_cleanup_free_ char *key = etcd_key(kv), *value = NULL;
	struct record record = { .shape = RECORD_ABSENT };
	enum etcd_key kind = key ? key_parse(key, &record) : ETCD_OTHER;
	json_auto_t *json = NULL;
	struct err why;
	size_t length;

	/* an empty value is left out */
	if (value64)
		(void)base64_decode(value64, &value, &length);
	if (kind == ETCD_MARK && value)
		node_parse(value, &record);
	else if (!deleted && kind != ETCD_OTHER && kind != ETCD_MARK) {
		record.revision = json_decimal(kv, "mod_revision");
		if (value)
			json = json_parse(value, length, &why);
		record_from_json(&record, json);
	}
	*ret_record = record;
	return kind;
}

static json_t *value_json(const struct record *record)
{
	json_auto_t *contents = record_to_json(record);
	_cleanup_free_ char *value = NULL;
	char text[CLOCK_TEXT_SIZE];

	/* for people; nobody compares it with anything */
	json_object_set_new(contents, "written", json_string(clock_format_now(0, text)));
	value = json_dumps(contents, JSON_COMPACT);
	return etcd_base64(value, strlen(value));
}

static void compare_add(json_t *compare, enum etcd_key key, const struct record *record,
			uint64_t revision)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, revision);
	json_array_append_new(compare,
			      json_pack("{ss ss so ss}", "target", "MOD", "result", "EQUAL", "key",
					etcd_key_json(key, record), "mod_revision", text));
}

void etcd_compare(const struct record *record, json_t *compare)
{
	if (record->kind == RECORD_CLAIM) {
		compare_add(compare, ETCD_CLAIM, record, record->revision);
	} else if (record->shape == RECORD_ABSENT) {
		/* nobody renews a session that is over: a new one begins with this key */
		compare_add(compare, ETCD_NODE, record, record->revision);
	} else {
		compare_add(compare, ETCD_NODE, record, record->shown_revision);
		compare_add(compare, ETCD_PULSE, record, record->revision);
	}
}

static void change_add(json_t *changes, enum etcd_key key, const struct record *record)
{
	if (record->shape == RECORD_ABSENT)
		json_array_append_new(changes, json_pack("{s{so}}", "request_delete_range", "key",
							 etcd_key_json(key, record)));
	else
		json_array_append_new(changes, json_pack("{s{so so}}", "request_put", "key",
							 etcd_key_json(key, record), "value",
							 value_json(record)));
}

void etcd_change(const struct record *record, json_t *changes)
{
	if (record->kind == RECORD_CLAIM) {
		change_add(changes, ETCD_CLAIM, record);
		return;
	}
	if (record->shape == RECORD_ABSENT || record->heartbeat.all)
		change_add(changes, ETCD_NODE, record);
	change_add(changes, ETCD_PULSE, record);
}

json_t *etcd_mark_put(const char *node)
{
	return json_pack("{so so}", "key", etcd_key_json(ETCD_MARK, NULL), "value",
			 etcd_base64(node, strlen(node)));
}
