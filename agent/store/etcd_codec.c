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

/* Records are /xdp-l2resp/claim/ADDRESS and /xdp-l2resp/node/NAME. */
#define CLAIM_PREFIX ETCD_PREFIX "claim/"
#define NODE_PREFIX  ETCD_PREFIX "node/"
#define KEY_MAX	     (sizeof(CLAIM_PREFIX) + RECORD_NODE_MAX)

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

/* Kind, address and node of the key's record. False: it is none of ours. */
static bool key_parse(const char *key, struct record *record)
{
	const char *name;

	if (!strncmp(key, NODE_PREFIX, strlen(NODE_PREFIX))) {
		name = key + strlen(NODE_PREFIX);
		record->kind = RECORD_HEARTBEAT;
		if (!*name || strlen(name) > RECORD_NODE_MAX)
			return false;
		node_name_copy(record->node, name);
		return true;
	}
	if (strncmp(key, CLAIM_PREFIX, strlen(CLAIM_PREFIX)) != 0)
		return false;
	name = key + strlen(CLAIM_PREFIX);
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

static json_t *key_json(const struct record *record)
{
	char text[INET6_ADDRSTRLEN], key[KEY_MAX];

	if (record->kind == RECORD_CLAIM)
		snprintf(key, KEY_MAX, CLAIM_PREFIX "%s", address_format(&record->address, text));
	else
		snprintf(key, KEY_MAX, NODE_PREFIX "%s", record->node);
	return etcd_base64(key, strlen(key));
}

bool etcd_record(const json_t *kv, bool deleted, struct record *ret_record)
{
	const char *value64 = json_string_value(json_object_get(kv, "value"));
	_cleanup_free_ char *key = etcd_key(kv), *value = NULL;
	struct record record = { .shape = RECORD_ABSENT };
	json_auto_t *json = NULL;
	struct err why;
	size_t length;

	if (!key || !key_parse(key, &record))
		return false;
	if (!deleted) {
		record.revision = json_decimal(kv, "mod_revision");
		/* an empty value is left out */
		if (value64 && !base64_decode(value64, &value, &length))
			json = json_parse(value, length, &why);
		record_from_json(&record, json);
	}
	*ret_record = record;
	return true;
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

json_t *etcd_compare(const struct record *record)
{
	char revision[24];

	snprintf(revision, sizeof(revision), "%" PRIu64, record->revision);
	return json_pack("{ss ss so ss}", "target", "MOD", "result", "EQUAL", "key",
			 key_json(record), "mod_revision", revision);
}

json_t *etcd_change(const struct record *record)
{
	if (record->shape == RECORD_ABSENT)
		return json_pack("{s{so}}", "request_delete_range", "key", key_json(record));
	return json_pack("{s{so so}}", "request_put", "key", key_json(record), "value",
			 value_json(record));
}
