// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Frames by the thousand, for which no row says what is right: every bit of a request flipped,
 * every length, random bytes, for both families, behind tags and without. The responder of other
 * make says it (tests/system/fuzz/reference.h).
 */
#include <stdio.h>
#include <string.h>
#include <linux/bpf.h>
#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "frame.h"

#define LENGTH_MAX 1600

/* A request to begin with: behind the Ethernet addresses, its tags and their device's address. */
static const struct shape {
	const char *name;
	uint8_t asks;
	size_t tags_length;
	uint8_t tags[8];
} shapes[] = {
	{ "untagged", OWNED, 0, {} },
	{ "priority tag", OWNED, 4, { 0x81, 0, 0xe0, 0 } },
	{ "802.1Q", ON_VLAN, 4, { 0x81, 0, 0, 100 } },
	{ "QinQ", ON_INNER, 8, { 0x88, 0xa8, 0, 200, 0x81, 0, 1, 44 } },
};

#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static size_t arp_make(uint8_t asks, uint8_t *at)
{
	const uint8_t packet[] = { 8,	6,  0,	 1,	    8, 0, 6, 4, 0, 1, MAC_REQUESTER,
				   198, 18, 0,	 REQUESTER, 0, 0, 0, 0, 0, 0, 198,
				   18,	0,  asks };

	memcpy(at, packet, sizeof(packet));
	return sizeof(packet);
}

/* RFC 4443 2.3. @ip: the IPv6 header; all that follows it is the message. */
static void checksum_repair(uint8_t *ip, size_t length)
{
	uint32_t sum = length - 40 + 58;

	ip[42] = ip[43] = 0;
	for (size_t i = 8; i + 1 < length; i += 2)
		sum += ip[i] << 8 | ip[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	ip[42] = ~sum >> 8;
	ip[43] = ~sum;
}

static size_t ns_make(uint8_t asks, uint8_t *at)
{
	const uint8_t packet[] = { 0x86, 0xdd,	    0x60,
				   0,	 0,	    0,
				   0,	 32,	    58,
				   255,	 0x20,	    1,
				   0x0d, 0xb8,	    0,
				   0,	 0,	    0,
				   0,	 0,	    0,
				   0,	 0,	    0,
				   0,	 REQUESTER, 0xff,
				   2,	 0,	    0,
				   0,	 0,	    0,
				   0,	 0,	    0,
				   0,	 1,	    0xff,
				   0,	 0,	    asks,
				   135,	 0,	    0,
				   0,	 0,	    0,
				   0,	 0,	    0x20,
				   1,	 0x0d,	    0xb8,
				   0,	 0,	    0,
				   0,	 0,	    0,
				   0,	 0,	    0,
				   0,	 0,	    asks,
				   1,	 1,	    MAC_REQUESTER };

	memcpy(at, packet, sizeof(packet));
	checksum_repair(at + 2, sizeof(packet) - 2);
	return sizeof(packet);
}

/* Returns the offset of what is behind the EtherType. */
static size_t request_make(const struct shape *shape, bool v6, struct frame *frame)
{
	static const uint8_t source[6] = { MAC_REQUESTER };
	uint8_t *type = frame->bytes + 12 + shape->tags_length;

	memset(frame->bytes, 0xff, 6);
	if (v6)
		memcpy(frame->bytes, (uint8_t[]){ 0x33, 0x33, 0xff, 0, 0, shape->asks }, 6);
	memcpy(frame->bytes + 6, source, 6);
	memcpy(frame->bytes + 12, shape->tags, shape->tags_length);
	frame->length = type - frame->bytes;
	frame->length += v6 ? ns_make(shape->asks, type) : arp_make(shape->asks, type);
	return type + 2 - frame->bytes;
}

/* Checks the frame that the program leaves, the counters and the conflicts. */
static void expect_right(const char *name, const struct frame *in)
{
	const struct reference told = frame_told();
	struct frame wanted = *in;
	struct reference_result reference =
		reference_respond(&told, wanted.bytes, wanted.length, 0);
	struct frame_result result;
	bool answered = reference.answered;

	frame_run(in, &result);
	cr_expect_eq(result.verdict, answered ? XDP_TX : XDP_PASS, "%s: verdict %u", name,
		     result.verdict);
	if (result.out.length != wanted.length ||
	    memcmp(result.out.bytes, wanted.bytes, wanted.length) != 0)
		frame_expect(name, &result.out, &wanted);
	frame_expect_counts(name, &result, reference.outcome,
			    reference.sha_mismatch ? OUTCOME_ARP_SHA_MISMATCH : OUTCOME_COUNT);
	cr_expect_eq(result.responses, answered, "%s: responses_sent moved by %lu", name,
		     result.responses);
}

/* xorshift: the same frames on every run */
static uint64_t random_next(void)
{
	static uint64_t state = 88172645463325252ULL;

	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

static void random_fill(struct frame *frame, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		frame->bytes[i] = random_next();
}

static void flip_every_bit(const struct shape *shape, bool v6, bool repaired)
{
	struct frame in;
	char name[80];
	size_t at = request_make(shape, v6, &in);

	for (size_t bit = 0; bit < 8 * in.length; bit++) {
		request_make(shape, v6, &in);
		in.bytes[bit / 8] ^= 1 << bit % 8;
		if (repaired)
			checksum_repair(in.bytes + at, in.length - at);
		snprintf(name, sizeof(name), "%s, %s: bit %zu flipped%s", shape->name,
			 v6 ? "NS" : "ARP", bit, repaired ? ", checksum right" : "");
		expect_right(name, &in);
	}
}

/* A request cut or followed by random bytes, and random bytes behind the type. */
static void try_every_length(const struct shape *shape, bool v6)
{
	struct frame request, in;
	char name[80];
	size_t at = request_make(shape, v6, &request);

	for (size_t length = 14; length <= LENGTH_MAX; length++) {
		in = request;
		random_fill(&in, request.length, length);
		in.length = length;
		snprintf(name, sizeof(name), "%s, %s: %zu bytes", shape->name, v6 ? "NS" : "ARP",
			 length);
		expect_right(name, &in);
		random_fill(&in, at, length);
		snprintf(name, sizeof(name), "%s, %s: %zu bytes, random behind the type",
			 shape->name, v6 ? "NS" : "ARP", length);
		expect_right(name, &in);
	}
}

ParameterizedTestParameters(sweep, shape)
{
	static size_t index[2 * SHAPES];

	for (size_t i = 0; i < 2 * SHAPES; i++)
		index[i] = i;
	return cr_make_param_array(size_t, index, 2 * SHAPES);
}

ParameterizedTest(size_t *index, sweep, shape, .init = frame_setup, .fini = frame_teardown)
{
	const struct shape *shape = &shapes[*index / 2];
	bool v6 = *index % 2;

	flip_every_bit(shape, v6, false);
	if (v6)
		flip_every_bit(shape, v6, true);
	try_every_length(shape, v6);
}

Test(sweep, random_bytes_of_every_length, .init = frame_setup, .fini = frame_teardown)
{
	struct frame in;
	char name[80];

	for (in.length = 14; in.length <= LENGTH_MAX; in.length++) {
		random_fill(&in, 0, in.length);
		snprintf(name, sizeof(name), "random, %zu bytes", in.length);
		expect_right(name, &in);
	}
}
