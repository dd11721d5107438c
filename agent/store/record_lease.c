// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What people and kubectl look at is in the Lease's spec, as Kubernetes means it; what only the
 * protocol needs is one annotation. A record is both.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alloc.h"
#include "cleanup.h"
#include "clock.h"
#include "kube.h"
#include "json.h"
#include "name.h"
#include "record_lease.h"
#include "record_json.h"
#include "text_hash.h"

#define CLAIM_PREFIX "l2resp-"
#define ANNOTATION   "xdp-l2resp.io/record"
#define V4_DIGITS    8
#define V6_DIGITS    32
#define V4_OFFSET    12 /* of an IPv4 address in a mapped one */
#define MS_PER_S     1000

bool record_name_parse(const char *name, struct record *record)
{
	uint8_t *byte = record->address.bytes;
	const char *digits = name + strlen(CLAIM_PREFIX);
	size_t count;

	if (!strncmp(name, RECORD_NODE_PREFIX, strlen(RECORD_NODE_PREFIX))) {
		record->kind = RECORD_HEARTBEAT;
		node_name_copy(record->node, name + strlen(RECORD_NODE_PREFIX));
		return record->node[0];
	}
	if (strncmp(name, CLAIM_PREFIX, strlen(CLAIM_PREFIX)) != 0)
		return false;
	record->kind = RECORD_CLAIM;
	count = strlen(digits);
	if ((count != V4_DIGITS && count != V6_DIGITS) ||
	    strspn(digits, "0123456789abcdef") != count)
		return false;
	memset(byte, 0, sizeof(record->address.bytes));
	if (count == V4_DIGITS) {
		byte[V4_OFFSET - 2] = byte[V4_OFFSET - 1] = 0xff;
		byte += V4_OFFSET;
	}
	for (; *digits; digits += 2)
		*byte++ = strtoul((char[]){ digits[0], digits[1], '\0' }, NULL, 16);
	/* one spelling is the address's; a mapped IPv4 one is another's */
	return address_is_v4(&record->address) == (count == V4_DIGITS);
}

void record_name_format(const struct record *record, char name[RECORD_NAME_MAX + 1])
{
	size_t at = address_is_v4(&record->address) ? V4_OFFSET : 0;
	char *end = name + strlen(CLAIM_PREFIX);

	if (record->kind == RECORD_HEARTBEAT) {
		snprintf(name, RECORD_NAME_MAX + 1, RECORD_NODE_PREFIX "%.*s",
			 (int)(RECORD_NAME_MAX - strlen(RECORD_NODE_PREFIX)), record->node);
		return;
	}
	snprintf(name, RECORD_NAME_MAX + 1, CLAIM_PREFIX);
	for (; at < sizeof(record->address.bytes); at++, end += 2)
		snprintf(end, 3, "%02x", record->address.bytes[at]);
}

/* A MicroTime: the API server wants all six digits. */
static json_t *now_json(void)
{
	char text[CLOCK_TEXT_SIZE];

	return json_string(clock_format_now(6, text));
}

/* Moves member @from of @contents to member @to of @spec. */
static void member_move(json_t *contents, const char *from, json_t *spec, const char *to)
{
	json_object_set(spec, to, json_object_get(contents, from));
	json_object_del(contents, from);
}

void record_node_label(const char *node, char label[RECORD_LABEL_SIZE])
{
	snprintf(label, RECORD_LABEL_SIZE, "%016" PRIx64, hash_finish(hash_text(HASH_BEGIN, node)));
}

/* Sets label @name, or, in an object that is @there, deletes it if @value is none. */
static void label_set(json_t *labels, const char *name, const char *value, bool there)
{
	if (*value && strlen(value) <= RECORD_LABEL_MAX)
		json_object_set_new(labels, name, json_string(value));
	else if (there)
		json_object_set_new(labels, name, json_null());
}

/* @address as a label's value: no colons, and a digit at both ends. */
static void address_label(const struct address *address, char label[INET6_ADDRSTRLEN + 2])
{
	char ip[INET6_ADDRSTRLEN];
	size_t length;

	address_format(address, ip);
	length = strlen(ip);
	snprintf(label, INET6_ADDRSTRLEN + 2, "%s%s%s", ip[0] == ':' ? "0" : "", ip,
		 ip[length - 1] == ':' ? "0" : "");
	for (char *at = label; (at = strchr(at, ':'));)
		*at = '-';
}

/* For `kubectl get lease -L`. A write that doesn't take the claim leaves the Service's as they are.
 */
static json_t *claim_labels(const struct record *record)
{
	const struct claim_record *claim = &record->claim;
	json_t *labels = json_pack("{ss}", RECORD_LABEL_PART, RECORD_PART_ALL);
	char address[INET6_ADDRSTRLEN + 2];

	address_label(&record->address, address);
	label_set(labels, RECORD_LABEL_ADDRESS, address, record->revision);
	label_set(labels, RECORD_LABEL_NODE, claim->holder, record->revision);
	if (claim->taken) {
		label_set(labels, RECORD_LABEL_NAMESPACE, claim->service.namespace,
			  record->revision);
		label_set(labels, RECORD_LABEL_SERVICE, claim->service.name, record->revision);
	}
	return labels;
}

/* By part and hash the API server chooses what it sends to whom. */
static json_t *labels_make(const struct record *record)
{
	char hash[RECORD_LABEL_SIZE];
	json_t *labels;

	if (record->kind == RECORD_CLAIM)
		return claim_labels(record);
	record_node_label(record->node, hash);
	labels = json_pack("{ss ss}", RECORD_LABEL_HASH, hash, RECORD_LABEL_PART,
			   record->heartbeat.all ? RECORD_PART_ALL : hash);
	label_set(labels, RECORD_LABEL_NODE, record->node, record->revision);
	return labels;
}

json_t *record_to_lease(const struct record *record, const char *name, uint32_t duration_s)
{
	json_auto_t *contents = record_to_json(record), *spec = NULL;
	_cleanup_free_ char *text = NULL;
	char revision[24];
	json_t *lease;

	/* always another time: the server takes a write that changes nothing for none */
	spec = json_pack("{so}", "renewTime", now_json());
	if (record->kind == RECORD_CLAIM) {
		/* in both: by another holder in the spec alone, as of `kubectl patch`, its session
		 * would seem to be over */
		json_object_set(spec, "holderIdentity", json_object_get(contents, "holder"));
		member_move(contents, "transitions", spec, "leaseTransitions");
		json_object_set_new(spec, "leaseDurationSeconds", json_integer(duration_s));
		if (record->claim.taken)
			json_object_set(spec, "acquireTime", json_object_get(spec, "renewTime"));
	} else {
		json_object_set_new(spec, "holderIdentity", json_string(record->node));
		json_object_del(contents, "durationMs");
		json_object_set_new(spec, "leaseDurationSeconds",
				    json_integer(record->heartbeat.duration_ms / MS_PER_S));
	}
	text = json_dumps(contents, JSON_COMPACT);
	snprintf(revision, sizeof(revision), "%" PRIu64, record->revision);
	lease = json_pack("{ss ss s{ss s{ss} so} sO}", "apiVersion", "coordination.k8s.io/v1",
			  "kind", "Lease", "metadata", "name", name, "annotations", ANNOTATION,
			  text, "labels", labels_make(record), "spec", spec);
	if (record->revision)
		json_object_set_new(json_object_get(lease, "metadata"), "resourceVersion",
				    json_string(revision));
	return lease;
}

json_t *record_delete_body(const struct record *record)
{
	char revision[24];

	snprintf(revision, sizeof(revision), "%" PRIu64, record->revision);
	return json_pack("{ss ss s{ss}}", "apiVersion", "v1", "kind", "DeleteOptions",
			 "preconditions", "resourceVersion", revision);
}

/* Can a node have this name? Of another the API server takes no heartbeat: it couldn't be declared
 * dead either. */
static bool is_node_name(const char *text)
{
	_cleanup_free_ char *name = xasprintf(RECORD_NODE_PREFIX "%s", text);

	return name_is_subdomain(name);
}

void record_from_lease(const json_t *lease, struct record *record)
{
	json_t *metadata = json_object_get(lease, "metadata");
	json_t *spec = json_object_get(lease, "spec");
	const char *text = json_string_value(
		json_object_get(json_object_get(metadata, "annotations"), ANNOTATION));
	struct err why;
	json_auto_t *contents = text ? json_parse(text, strlen(text), &why) : NULL;
	const char *holder = json_string_value(json_object_get(spec, "holderIdentity")) ?: "";
	const char *same = json_string_value(json_object_get(contents, "holder"));
	json_int_t duration_s;

	if (record->kind == RECORD_CLAIM) {
		json_object_set(contents, "transitions", json_object_get(spec, "leaseTransitions"));
		/* the version still counts: a newer one's may be another name */
		if (!same || strcmp(same, holder) != 0 || (*holder && !is_node_name(holder)))
			json_object_del(contents, "holder");
	} else {
		/* what is no duration is 0, and with that the record is unreadable */
		duration_s = json_integer_value(json_object_get(spec, "leaseDurationSeconds"));
		if (duration_s < 0 || duration_s > RECORD_DURATION_MAX_MS / MS_PER_S)
			duration_s = 0;
		json_object_set_new(contents, "durationMs", json_integer(MS_PER_S * duration_s));
		if (strcmp(holder, record->node) != 0)
			json_object_del(contents, "durationMs");
	}
	record->revision = kube_version(lease);
	record_from_json(record, contents);
}
