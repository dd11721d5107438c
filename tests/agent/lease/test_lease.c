// SPDX-License-Identifier: GPL-2.0-or-later
/* The lease protocol's small parts: the timing rule, records as JSON, who should have an address.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <criterion/criterion.h>

#include "base64.h"
#include "lease_rank.h"
#include "record_lease.h"
#include "record_json.h"

#define MS UINT64_C(1000000)

static const struct {
	uint64_t duration_ms, renew_deadline_ms, retry_period_ms;
	enum store_engine engine;
	bool safe;
} timings[] = {
	{ 15000, 5000, 2000, STORE_ENGINE_KUBERNETES, true }, /* Cilium's defaults */
	{ 2000, 1200, 300, STORE_ENGINE_ETCD, true },
	{ 1000, 900, 100, STORE_ENGINE_KUBERNETES, true },
	{ 0, 5000, 2000, STORE_ENGINE_ETCD, false },
	{ 0, 5000, 2000, STORE_ENGINE_KUBERNETES, false },
	{ 300, 200, 50, STORE_ENGINE_ETCD, true },
	{ 300, 200, 50, STORE_ENGINE_NONE, true },
	{ 290, 200, 50, STORE_ENGINE_ETCD, false },
	{ 500, 400, 100, STORE_ENGINE_ETCD, true },
	{ 510, 400, 100, STORE_ENGINE_ETCD, true },
	{ 505, 400, 100, STORE_ENGINE_ETCD, false }, /* steps of 10 ms */
	{ 1500, 900, 100, STORE_ENGINE_ETCD, true },
	{ 1500, 900, 100, STORE_ENGINE_KUBERNETES, false }, /* no whole seconds */
	{ 500, 450, 100, STORE_ENGINE_ETCD, false },	    /* the margin is 50 ms */
	{ 1000, 950, 100, STORE_ENGINE_ETCD, false },	    /* and here */
	{ 15000, 14250, 2000, STORE_ENGINE_ETCD, false },   /* and here 750 */
	{ 15000, 14249, 2000, STORE_ENGINE_ETCD, true },
	{ 15000, 2400, 2000, STORE_ENGINE_ETCD, false }, /* 1.2 * 2000 */
	{ 15000, 2401, 2000, STORE_ENGINE_ETCD, true },
	{ 15000, 20000, 2000, STORE_ENGINE_ETCD, false },
	{ 15000, 5000, 0, STORE_ENGINE_ETCD, false },
	{ 3601000, 5000, 2000, STORE_ENGINE_ETCD, false }, /* more than an hour */
};

Test(lease, timings_are_safe_or_refused_with_the_rule)
{
	for (size_t i = 0; i < sizeof(timings) / sizeof(timings[0]); i++) {
		struct lease_timing timing = { timings[i].duration_ms * MS,
					       timings[i].renew_deadline_ms * MS,
					       timings[i].retry_period_ms * MS };
		struct err err = {};

		cr_expect_eq(lease_timing_check(timings[i].engine, &timing, &err),
			     timings[i].safe ? 0 : -EINVAL, "row %zu: %s", i, err.text);
		cr_expect_eq(!err.text[0], timings[i].safe);
	}
}

static const struct record heartbeat = {
	.kind = RECORD_HEARTBEAT,
	.shape = RECORD_GOOD,
	.heartbeat = { .id = "0123456789abcdef0123456789abcdef",
		       .session = UINT64_MAX,
		       .sequence = 7,
		       .state = HEARTBEAT_DRAINING,
		       .slot = 255,
		       .duration_ms = 15000,
		       .weight = 100,
		       .own = { { { [10] = 0xff, [11] = 0xff, 198, 18, 0, 1 } },
				{ { 0x20, 0x01, 0x0d, 0xb8, [15] = 7 } } },
		       .own_count = 2 },
};

static const struct record claim = {
	.kind = RECORD_CLAIM,
	.shape = RECORD_GOOD,
	.claim = { .holder = "node-1",
		   .session = 1,
		   .wish = "node-2",
		   .wish_session = UINT64_MAX - 1,
		   .moved = true,
		   .transitions = 3,
		   .unsettled = true },
};

static void text_parse(struct record *record, const char *text)
{
	json_t *json = json_loads(text, 0, NULL);

	record_from_json(record, json);
	json_decref(json);
}

static char *text_of(const struct record *record)
{
	json_t *json = record_to_json(record);
	char *text = json_dumps(json, JSON_COMPACT);

	json_decref(json);
	return text;
}

static enum record_shape shape_of(enum record_kind kind, const char *text)
{
	struct record record = { .kind = kind };

	text_parse(&record, text);
	return record.shape;
}

Test(lease, records_survive_being_written_and_read)
{
	struct record read = { .kind = RECORD_CLAIM };
	char *text = text_of(&claim);

	text_parse(&read, text);
	cr_expect_eq(read.shape, RECORD_GOOD);
	cr_expect_str_eq(read.claim.holder, "node-1");
	cr_expect_str_eq(read.claim.wish, "node-2");
	cr_expect_eq(read.claim.wish_session, UINT64_MAX - 1);
	cr_expect(read.claim.moved && read.claim.unsettled);
	cr_expect_eq(read.claim.transitions, 3);
	free(text);
	text = text_of(&heartbeat);
	read = (struct record){ .kind = RECORD_HEARTBEAT };
	text_parse(&read, text);
	cr_expect_eq(read.shape, RECORD_GOOD);
	cr_expect_str_eq(read.heartbeat.id, heartbeat.heartbeat.id);
	cr_expect_eq(read.heartbeat.session, UINT64_MAX);
	cr_expect_eq(read.heartbeat.state, HEARTBEAT_DRAINING);
	cr_expect_eq(read.heartbeat.slot, 255);
	cr_expect_eq(read.heartbeat.duration_ms, 15000);
	cr_assert_eq(read.heartbeat.own_count, 2);
	cr_expect_arr_eq(read.heartbeat.own, heartbeat.heartbeat.own, 2 * sizeof(struct address));
	free(text);
}

static const struct {
	const char *text;
	enum record_kind kind;
	enum record_shape shape;
} shapes[] = {
	{ "", RECORD_CLAIM, RECORD_FOREIGN },
	{ "null", RECORD_CLAIM, RECORD_FOREIGN },
	{ "[1]", RECORD_CLAIM, RECORD_FOREIGN },
	{ "{\"version\":1}", RECORD_CLAIM, RECORD_FOREIGN },
	{ "{\"version\":2}", RECORD_CLAIM, RECORD_NEWER },
	{ "{\"version\":\"1\"}", RECORD_CLAIM, RECORD_FOREIGN },
	{ "{\"version\":-1}", RECORD_CLAIM, RECORD_FOREIGN },
	{ "{\"version\":3}", RECORD_HEARTBEAT, RECORD_NEWER },
	{ "{\"version\":1,\"state\":\"alive\"}", RECORD_HEARTBEAT, RECORD_FOREIGN },
};

Test(lease, foreign_and_newer_records_are_told_apart)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		cr_expect_eq(shape_of(shapes[i].kind, shapes[i].text), shapes[i].shape, "row %zu",
			     i);
}

/* A Lease's seconds, that are 15 s in milliseconds of 64 bits. */
Test(lease, seconds_that_are_no_duration_make_a_lease_foreign)
{
	char name[RECORD_NAME_MAX + 1];
	struct record read;
	json_t *lease, *spec;

	for (int over = 0; over < 2; over++) {
		read = heartbeat;
		record_name_format(&heartbeat, name);
		lease = record_to_lease(&heartbeat, name, 15);
		spec = json_object_get(lease, "spec");
		json_object_set_new(spec, "leaseDurationSeconds",
				    json_integer(15 + (over ? INT64_C(1) << 61 : 0)));
		record_from_lease(lease, &read);
		cr_expect_eq(read.shape, over ? RECORD_FOREIGN : RECORD_GOOD);
		json_decref(lease);
	}
}

static void set_version(json_t *lease, int version)
{
	json_t *annotations = json_object_get(json_object_get(lease, "metadata"), "annotations");
	json_t *contents = json_loads(
		json_string_value(json_object_get(annotations, "xdp-l2resp.io/record")), 0, NULL);
	char *text;

	json_object_set_new(contents, "version", json_integer(version));
	text = json_dumps(contents, 0);
	json_object_set_new(annotations, "xdp-l2resp.io/record", json_string(text));
	free(text);
	json_decref(contents);
}

/* Nor is a heartbeat believed that is another node's; unless it is of a newer version, it expires.
 */
Test(lease, a_heartbeat_under_another_name_is_foreign)
{
	char name[RECORD_NAME_MAX + 1];
	struct record read;
	json_t *lease;

	for (int version = 1; version <= 2; version++) {
		read = heartbeat;
		record_name_format(&heartbeat, name);
		lease = record_to_lease(&heartbeat, name, 15);
		json_object_set_new(json_object_get(lease, "spec"), "holderIdentity",
				    json_string("node-9"));
		set_version(lease, version);
		record_from_lease(lease, &read);
		cr_expect_eq(read.shape, version == 1 ? RECORD_FOREIGN : RECORD_NEWER);
		json_decref(lease);
	}
}

/* By its session, which others take from the annotation, the former holder would be gone. */
Test(lease, a_claim_whose_holder_was_patched_is_foreign)
{
	static const char *const holders[] = { "node-1", "node-9", "" };
	char name[RECORD_NAME_MAX + 1];

	for (size_t i = 0; i < sizeof(holders) / sizeof(holders[0]); i++) {
		struct record read = claim;
		json_t *lease;

		record_name_format(&claim, name);
		lease = record_to_lease(&claim, name, 15);
		json_object_set_new(json_object_get(lease, "spec"), "holderIdentity",
				    json_string(holders[i]));
		record_from_lease(lease, &read);
		cr_expect_eq(read.shape, i ? RECORD_FOREIGN : RECORD_GOOD, "%s", holders[i]);
		json_decref(lease);
	}
}

/* What no heartbeat can have is no holder: nobody could declare it dead. */
Test(lease, holders_that_are_no_nodes_make_a_lease_foreign)
{
	static const struct {
		const char *holder;
		int version;
		enum record_shape shape;
	} rows[] = {
		{ "node-1.example", 1, RECORD_GOOD }, { "Node-1", 1, RECORD_FOREIGN },
		{ "$(id)", 1, RECORD_FOREIGN },	      { "a..b", 1, RECORD_FOREIGN },
		{ "node-", 1, RECORD_FOREIGN },	      { "node_1", 2, RECORD_NEWER },
	};
	char name[RECORD_NAME_MAX + 1];
	struct record written = claim, read;
	json_t *lease;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		read = claim;
		snprintf(written.claim.holder, sizeof(written.claim.holder), "%s", rows[i].holder);
		record_name_format(&claim, name);
		lease = record_to_lease(&written, name, 15);
		set_version(lease, rows[i].version);
		record_from_lease(lease, &read);
		cr_expect_eq(read.shape, rows[i].shape, "%s", rows[i].holder);
		json_decref(lease);
	}
}

#define ADDRESSES_8    "\"::1\",\"::1\",\"::1\",\"::1\",\"::1\",\"::1\",\"::1\",\"::1\""
#define MANY_ADDRESSES ADDRESSES_8 "," ADDRESSES_8 "," ADDRESSES_8 "," ADDRESSES_8

/* What a hand could change in a good record: each makes it foreign. */
static const struct {
	enum record_kind kind;
	const char *from, *to;
} edits[] = {
	{ RECORD_CLAIM, "\"holder\":\"node-1\"", "\"holder\":\"\"" },
	{ RECORD_CLAIM, "\"state\":\"held\"", "\"state\":\"free\"" },
	{ RECORD_CLAIM, "0000000000000001", "000000000000001" },
	{ RECORD_CLAIM, "0000000000000001", "-000000000000001" },
	{ RECORD_CLAIM, "\"transitions\":3", "\"transitions\":-3" },
	{ RECORD_CLAIM, "\"transitions\":3", "\"transitions\":2147483648" },
	{ RECORD_HEARTBEAT, "\"sequence\":", "\"sequence\":9223372036854775807,\"former\":" },
	{ RECORD_HEARTBEAT, "\"weight\":", "\"weight\":2147483648,\"former\":" },
	{ RECORD_HEARTBEAT, "\"slot\":255", "\"slot\":256" },
	{ RECORD_HEARTBEAT, "\"durationMs\":15000", "\"durationMs\":0" },
	{ RECORD_HEARTBEAT, "\"durationMs\":15000", "\"durationMs\":3600001" },
	{ RECORD_HEARTBEAT, "draining", "sleeping" },
	{ RECORD_HEARTBEAT, "0123456789abcdef0", "0" },
	{ RECORD_HEARTBEAT, "\"own\"", "\"other\"" },
	{ RECORD_HEARTBEAT, "[\"198.18.0.1\",\"2001:db8::7\"]", "\"198.18.0.1\"" },
	{ RECORD_HEARTBEAT, "\"198.18.0.1\"", "198" },
	{ RECORD_HEARTBEAT, "\"198.18.0.1\"", "\"198.18.0.0/24\"" },
	{ RECORD_HEARTBEAT, "\"198.18.0.1\"", MANY_ADDRESSES },
};

Test(lease, records_that_a_hand_changed_are_foreign)
{
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		char *good = text_of(edits[i].kind == RECORD_CLAIM ? &claim : &heartbeat);
		char *at = strstr(good, edits[i].from), text[1024];

		cr_assert_not_null(at, "row %zu: %s", i, good);
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, edits[i].to,
			 at + strlen(edits[i].from));
		cr_expect_eq(shape_of(edits[i].kind, text), RECORD_FOREIGN, "row %zu: %s", i, text);
		free(good);
	}
}

Test(lease, addresses_spread_by_weight)
{
	static const uint32_t weights[] = { 100, 100, 200, 0 };
	static const char *const nodes[] = { "node-1", "node-2", "node-3", "node-4" };
	int shares[4] = {};

	for (int i = 0; i < 4000; i++) {
		struct address address = { { [10] = 0xff, [11] = 0xff, 198, 18, i >> 8, i } };
		int best = 0;

		for (int n = 1; n < 4; n++)
			if (lease_rank_score(&address, nodes[n], weights[n]) >
			    lease_rank_score(&address, nodes[best], weights[best]))
				best = n;
		shares[best]++;
	}
	for (int n = 0; n < 4; n++)
		cr_expect(shares[n] >= 9 * (int)weights[n] && shares[n] <= 11 * (int)weights[n],
			  "%s: %d", nodes[n], shares[n]);
}

Test(lease, base64_as_rfc_4648_has_it)
{
	static const char *const rows[][2] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
	};
	static const char *const bad[] = { "Z", "Zg=", "Zg=a", "Z===", "Zm9*", "=Zm9" };
	size_t length;
	char *bytes;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = base64_encode(rows[i][0], strlen(rows[i][0]));

		cr_expect_str_eq(text, rows[i][1]);
		cr_assert_eq(base64_decode(text, &bytes, &length), 0);
		cr_expect_str_eq(bytes, rows[i][0]);
		cr_expect_eq(length, strlen(rows[i][0]));
		free(bytes);
		free(text);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(base64_decode(bad[i], &bytes, &length), -EINVAL, "%s", bad[i]);
}
