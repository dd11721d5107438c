// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The contract for neighbour discovery, a row a frame, as test_arp.c has it for ARP: a row starts
 * from a multicast solicitation by REQUESTER for OWNED, with a source link-layer option, and says
 * what differs. The checksum is made right afterwards unless the row is about it. The advertisement
 * that is expected is written down from RFC 4861 and RFC 4443; the program's headers are not used.
 */
#include <stdio.h>
#include <string.h>
#include <linux/bpf.h>
#include <criterion/criterion.h>

#include "frame.h"

/* Offsets in an untagged frame. */
enum {
	ETH_DST = 0,
	ETH_SRC = 6,
	ETH_TYPE = 12,
	IP_PAYLOAD_LENGTH = 18,
	IP_NEXT_HEADER = 20,
	IP_HOP_LIMIT = 21,
	IP_SRC = 22,
	IP_DST = 38,
	ND_TYPE = 54,
	ND_CODE = 55,
	ND_CHECKSUM = 56,
	ND_FLAGS = 58,
	ND_TARGET = 62,
	ND_OPTION = 78,
	ND_END = 86,
};

struct patch {
	size_t at;
	size_t length;
	uint8_t bytes[18];
};

#define PATCH(at_, ...)                                  \
	{                                                \
		at_, sizeof((uint8_t[]){ __VA_ARGS__ }), \
		{                                        \
			__VA_ARGS__                      \
		}                                        \
	}
#define IP6(host)	 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host
#define UNSPECIFIED	 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define SOLICITED(host)	 0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, host
#define ALL_NODES	 0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1
#define ALL_NODES_MAC	 0x33, 0x33, 0, 0, 0, 1
#define ASKS(host)	 PATCH(ND_TARGET, IP6(host))
#define SAYS(host)	 PATCH(IP_SRC, IP6(host))
#define FROM(...)	 PATCH(ETH_SRC, __VA_ARGS__), PATCH(ND_OPTION + 2, __VA_ARGS__)
#define TO(...)		 PATCH(ETH_DST, __VA_ARGS__)
#define UNICAST(host)	 TO(MAC_OURS), PATCH(IP_DST, IP6(host))
#define NONCE		 PATCH(ND_OPTION, 14, 1, 1, 2, 3, 4, 5, 6)
#define PROBE		 PATCH(IP_SRC, UNSPECIFIED), NONCE
#define ADVERTISES(host) PATCH(ND_TYPE, 136), PATCH(ND_FLAGS, 0x20), ASKS(host), PATCH(ND_OPTION, 2)
#define BARE		 .body = 24

struct row {
	const char *name;
	size_t body;   /* ICMPv6 length, 0: 32 */
	size_t length; /* of the frame, 0: just the body */
	struct patch patches[7];
	const uint8_t *answer; /* the MAC to answer with; NULL: silence */
	bool no_override;
	enum outcome outcome;
	int conflict_with;
	bool uncounted;
	bool bad_checksum;
};

static const uint8_t ours[6] = { MAC_OURS }, fixed[6] = { MAC_FIXED };

#define ANSWERED(mac) .answer = (mac), .outcome = OUTCOME_ND_ANSWERED
#define SILENT(what)  .outcome = OUTCOME_ND_##what

static const struct row rows[] = {
	/* solicitations of an owned address */
	{ "multicast solicitation", .patches = {}, ANSWERED(ours) },
	{ "fixed MAC", .patches = { ASKS(OWNED_FIXED) }, ANSWERED(fixed) },
	{ "without the override flag", .patches = { ASKS(NO_OVERRIDE) }, ANSWERED(ours),
	  .no_override = true },
	{ "unicast probe with an option", .patches = { UNICAST(OWNED) }, ANSWERED(ours) },
	{ "unicast probe without an option", BARE, .patches = { UNICAST(OWNED) }, ANSWERED(ours) },
	{ "unicast probe with another option", .patches = { UNICAST(OWNED), NONCE },
	  ANSWERED(ours) },
	{ "option gives another MAC than the source",
	  .patches = { PATCH(ND_OPTION + 2, MAC_THIRD) }, ANSWERED(ours) },
	{ "from a link-local address", .patches = { PATCH(IP_SRC, 0xfe, 0x80) }, ANSWERED(ours) },
	{ "to all nodes", .patches = { PATCH(IP_DST, ALL_NODES), TO(ALL_NODES_MAC) },
	  ANSWERED(ours) },
	{ "traffic class and flow label set", .patches = { PATCH(14, 0x6e, 0x12, 0x34, 0x56) },
	  ANSWERED(ours) },
	{ "two options", .body = 40, .patches = { PATCH(86, 14, 1, 1, 2, 3, 4, 5, 6) },
	  ANSWERED(ours) },
	{ "source option second", .body = 40, .patches = { NONCE, PATCH(86, 1, 1, MAC_REQUESTER) },
	  ANSWERED(ours) },
	{ "256 bytes, one long option", .body = 256, .patches = { PATCH(86, 200, 28) },
	  ANSWERED(ours) },
	/* with the next header, 58, its length makes more than a byte */
	{ "248 bytes", .body = 248, .patches = { PATCH(86, 200, 27) }, ANSWERED(ours) },
	{ "trailer behind the message", .length = 100, .patches = {}, ANSWERED(ours) },
	/* duplicate address detection */
	{ "probe with a nonce", .patches = { PROBE }, ANSWERED(ours) },
	{ "probe without an option", BARE, .patches = { PATCH(IP_SRC, UNSPECIFIED) },
	  ANSWERED(ours) },
	{ "probe to all nodes", .patches = { PROBE, PATCH(IP_DST, ALL_NODES) }, SILENT(BAD_PROBE) },
	{ "probe to the address", .patches = { PROBE, PATCH(IP_DST, IP6(OWNED)) },
	  SILENT(BAD_PROBE) },
	{ "probe with a source link-layer option", .patches = { PATCH(IP_SRC, UNSPECIFIED) },
	  SILENT(BAD_PROBE) },
	/* invalid whatever it is about */
	{ "hop limit 254", .patches = { PATCH(IP_HOP_LIMIT, 254) }, SILENT(BAD_HOP_LIMIT) },
	{ "code 1", .patches = { PATCH(ND_CODE, 1) }, SILENT(BAD_FORMAT) },
	{ "checksum wrong", .patches = {}, .bad_checksum = true, SILENT(BAD_CHECKSUM) },
	{ "16 bytes", .body = 16, .length = 100, .patches = {}, SILENT(BAD_FORMAT) },
	{ "31 bytes", .body = 31, .patches = {}, SILENT(BAD_FORMAT) },
	{ "264 bytes", .body = 264, .patches = { PATCH(86, 200, 29) }, SILENT(TOO_LONG) },
	{ "frame ends before the message", .length = 80, .patches = {}, SILENT(TRUNCATED) },
	{ "frame ends before the target", .length = 70, .patches = {}, SILENT(TRUNCATED) },
	{ "target multicast", .patches = { PATCH(ND_TARGET, 0xff, 0x02) }, SILENT(BAD_FORMAT) },
	{ "option of length 0", .patches = { PATCH(ND_OPTION, 14, 0) }, SILENT(BAD_FORMAT) },
	{ "option past the end", .patches = { PATCH(ND_OPTION, 14, 2) }, SILENT(BAD_FORMAT) },
	{ "second option of length 0", .body = 40, .patches = { PATCH(86, 14, 0) },
	  SILENT(BAD_FORMAT) },
	{ "source option of 16 bytes", .body = 40, .patches = { PATCH(ND_OPTION, 1, 2) },
	  SILENT(BAD_FORMAT) },
	/* senders that no host is */
	{ "source MAC multicast", .patches = { PATCH(ETH_SRC, 3) }, SILENT(BAD_SENDER_MAC) },
	{ "source MAC zero", .patches = { PATCH(ETH_SRC, 0, 0, 0, 0, 0, 0) },
	  SILENT(BAD_SENDER_MAC) },
	{ "option's MAC multicast", .patches = { PATCH(ND_OPTION + 2, 3) },
	  SILENT(BAD_SENDER_MAC) },
	{ "option's MAC zero", .patches = { PATCH(ND_OPTION + 2, 0, 0, 0, 0, 0, 0) },
	  SILENT(BAD_SENDER_MAC) },
	{ "source multicast", .patches = { PATCH(IP_SRC, ALL_NODES) }, SILENT(BAD_SENDER_IP) },
	{ "source ::1", .patches = { PATCH(IP_SRC, UNSPECIFIED), PATCH(IP_SRC + 15, 1) },
	  SILENT(BAD_SENDER_IP) },
	{ "multicast without a source option", BARE, .patches = {}, SILENT(NO_LINK_LAYER_ADDRESS) },
	{ "multicast with another option", .patches = { NONCE }, SILENT(NO_LINK_LAYER_ADDRESS) },
	/* who owns it, and until when */
	{ "not owned", .patches = { ASKS(NOT_OWNED) }, SILENT(NOT_OWNED) },
	{ "owned on another interface", .patches = { ASKS(ELSEWHERE) }, SILENT(NOT_OWNED) },
	{ "element reused for another address", .patches = { ASKS(REUSED) }, SILENT(NOT_OWNED) },
	{ "lease ahead", .patches = { ASKS(LEASE_AHEAD) }, ANSWERED(ours) },
	{ "lease over", .patches = { ASKS(LEASE_LAPSED) }, SILENT(LEASE_OVER) },
	/* destinations */
	{ "unicast to another MAC", .patches = { TO(MAC_THIRD) }, SILENT(OTHER_DESTINATION) },
	{ "unicast to another address", .patches = { UNICAST(OWNED_FIXED) },
	  SILENT(OTHER_DESTINATION) },
	/* our own frames */
	{ "by our own MAC", .patches = { FROM(MAC_OURS) }, SILENT(OWN_MAC) },
	{ "option is ours, source isn't", .patches = { PATCH(ND_OPTION + 2, MAC_OURS) },
	  SILENT(OWN_MAC) },
	{ "our advertisement comes back", .patches = { ADVERTISES(OWNED), FROM(MAC_OURS) },
	  SILENT(OWN_MAC) },
	/* others use our address */
	{ "foreign advertisement", .patches = { ADVERTISES(OWNED) }, SILENT(CONFLICT),
	  .conflict_with = OWNED },
	{ "foreign advertisement to all nodes",
	  .patches = { ADVERTISES(OWNED), PATCH(IP_DST, ALL_NODES) }, SILENT(CONFLICT),
	  .conflict_with = OWNED },
	{ "foreign advertisement without an option", BARE,
	  .patches = { PATCH(ND_TYPE, 136), PATCH(IP_DST, ALL_NODES) }, SILENT(CONFLICT),
	  .conflict_with = OWNED },
	/* that option has no place in it, and is ignored (RFC 4861 7.1.2) */
	{ "foreign advertisement with a source option of ours",
	  .patches = { ADVERTISES(OWNED), PATCH(ND_OPTION, 1, 1, MAC_OURS) }, SILENT(CONFLICT),
	  .conflict_with = OWNED },
	{ "foreign advertisement with a multicast source option",
	  .patches = { ADVERTISES(OWNED), PATCH(ND_OPTION, 1, 1, 3) }, SILENT(CONFLICT),
	  .conflict_with = OWNED },
	{ "foreign advertisement with a source option of 16 bytes", .body = 40,
	  .patches = { ADVERTISES(OWNED), PATCH(ND_OPTION, 1, 2) }, SILENT(CONFLICT),
	  .conflict_with = OWNED },
	{ "solicited advertisement to a group",
	  .patches = { ADVERTISES(OWNED), PATCH(ND_FLAGS, 0x60) }, SILENT(BAD_FORMAT) },
	{ "advertisement of an unowned address", .patches = { ADVERTISES(NOT_OWNED) },
	  SILENT(NOT_SOLICITATION) },
	{ "advertisement of an address whose lease is over",
	  .patches = { ADVERTISES(LEASE_LAPSED) }, SILENT(NOT_SOLICITATION) },
	{ "solicitation of an owned address from itself", .patches = { SAYS(OWNED) },
	  SILENT(CONFLICT), .conflict_with = OWNED },
	{ "solicitation of an unowned address from an owned one",
	  .patches = { SAYS(OWNED), ASKS(NOT_OWNED) }, SILENT(CONFLICT), .conflict_with = OWNED },
	/* other frames */
	{ "behind a hop-by-hop header", .patches = { PATCH(IP_NEXT_HEADER, 0) },
	  .uncounted = true },
	{ "in a fragment", .patches = { PATCH(IP_NEXT_HEADER, 44) }, .uncounted = true },
	{ "version 4", .patches = { PATCH(14, 0x45) }, .uncounted = true },
	{ "router solicitation", .patches = { PATCH(ND_TYPE, 133) }, .uncounted = true },
	{ "echo request", .patches = { PATCH(ND_TYPE, 128) }, .uncounted = true },
	{ "frame ends before the type", .length = 54, .patches = {}, .uncounted = true },
	{ "frame ends in the IPv6 header", .length = 30, .patches = {}, .uncounted = true },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* RFC 4443 2.3, over the pseudo header of RFC 8200 8.1. */
static uint16_t checksum(const struct frame *frame, size_t body)
{
	uint32_t sum = body + 58;

	for (size_t i = IP_SRC; i < IP_SRC + 32; i += 2)
		sum += frame->bytes[i] << 8 | frame->bytes[i + 1];
	for (size_t i = 0; i < body; i += 2)
		sum += frame->bytes[ND_TYPE + i] << 8 |
		       (i + 1 < body ? frame->bytes[ND_TYPE + i + 1] : 0);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static void checksum_set(struct frame *frame, size_t body)
{
	uint16_t sum;

	memset(&frame->bytes[ND_CHECKSUM], 0, 2);
	sum = checksum(frame, body);
	frame->bytes[ND_CHECKSUM] = sum >> 8;
	frame->bytes[ND_CHECKSUM + 1] = sum;
}

static void solicitation_make(struct frame *frame, size_t body)
{
	static const uint8_t solicitation[ND_END] = {
		0x33,
		0x33,
		0xff,
		0,
		0,
		OWNED,
		MAC_REQUESTER,
		0x86,
		0xdd, /* Ethernet */
		0x60,
		0,
		0,
		0,
		0,
		0,
		58,
		255,
		IP6(REQUESTER),
		SOLICITED(OWNED), /* IPv6 */
		135,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		IP6(OWNED),
		1,
		1,
		MAC_REQUESTER, /* NS */
	};

	for (size_t i = 0; i < FRAME_MAX; i++)
		frame->bytes[i] = 0xa0 + i; /* a trailer that is recognised when it comes back */
	memcpy(frame->bytes, solicitation, sizeof(solicitation));
	frame->bytes[IP_PAYLOAD_LENGTH] = body >> 8;
	frame->bytes[IP_PAYLOAD_LENGTH + 1] = body;
	frame->length = ND_TYPE + body;
}

/* The first source link-layer option, or NULL. */
static const uint8_t *source_option(const struct frame *in, size_t body)
{
	for (size_t at = 24; at < body; at += 8UL * in->bytes[ND_TYPE + at + 1])
		if (in->bytes[ND_TYPE + at] == 1)
			return &in->bytes[ND_TYPE + at + 2];
	return NULL;
}

/* RFC 4861 4.4, 7.2.4. */
static void advertisement_expected(const struct frame *in, const uint8_t mac[6], bool override,
				   struct frame *reply)
{
	static const uint8_t unspecified[16], all_nodes[16] = { ALL_NODES };
	static const uint8_t all_nodes_mac[6] = { ALL_NODES_MAC };
	size_t body = in->bytes[IP_PAYLOAD_LENGTH] << 8 | in->bytes[IP_PAYLOAD_LENGTH + 1];
	bool probe = !memcmp(&in->bytes[IP_SRC], unspecified, 16);
	const uint8_t *to = source_option(in, body) ?: &in->bytes[ETH_SRC];

	*reply = *in;
	memcpy(&reply->bytes[ETH_DST], probe ? all_nodes_mac : to, 6);
	memcpy(&reply->bytes[ETH_SRC], mac, 6);
	memcpy(&reply->bytes[IP_SRC], &in->bytes[ND_TARGET], 16);
	memcpy(&reply->bytes[IP_DST], probe ? all_nodes : &in->bytes[IP_SRC], 16);
	reply->bytes[ND_TYPE] = 136;
	memset(&reply->bytes[ND_FLAGS], 0, 4);
	reply->bytes[ND_FLAGS] = (probe ? 0 : 0x40) | (override ? 0x20 : 0);
	if (body >= 32) {
		body = 32;
		reply->bytes[ND_OPTION] = 2;
		reply->bytes[ND_OPTION + 1] = 1;
		memcpy(&reply->bytes[ND_OPTION + 2], mac, 6);
	}
	reply->bytes[IP_PAYLOAD_LENGTH] = 0;
	reply->bytes[IP_PAYLOAD_LENGTH + 1] = body;
	checksum_set(reply, body);
}

static void check_row(const struct row *row)
{
	const uint8_t address[16] = { IP6(row->conflict_with) };
	size_t body = row->body ?: 32;
	struct frame_result result;
	uint64_t conflicts;
	struct frame in, wanted;

	solicitation_make(&in, body);
	for (const struct patch *patch = row->patches; patch->length; patch++)
		memcpy(&in.bytes[patch->at], patch->bytes, patch->length);
	checksum_set(&in, body);
	if (row->bad_checksum)
		in.bytes[ND_CHECKSUM] ^= 1;
	in.length = row->length ?: in.length;
	wanted = in;
	if (row->answer)
		advertisement_expected(&in, row->answer, !row->no_override, &wanted);
	conflicts = frame_conflicts(address, &in.bytes[ETH_SRC]);
	frame_run(&in, &result);

	cr_expect_eq(result.verdict, row->answer ? XDP_TX : XDP_PASS, "%s: verdict %u", row->name,
		     result.verdict);
	frame_expect(row->name, &result.out, &wanted);
	frame_expect_counts(row->name, &result, row->uncounted ? OUTCOME_COUNT : row->outcome,
			    OUTCOME_COUNT);
	cr_expect_eq(result.responses, row->answer != NULL, "%s: responses_sent moved by %lu",
		     row->name, result.responses);
	conflicts = frame_conflicts(address, &in.bytes[ETH_SRC]) - conflicts;
	cr_expect_eq(conflicts, row->conflict_with != 0, "%s: %lu conflicts recorded", row->name,
		     conflicts);
}

/* With one fixture: the verifier takes longer over the program than all rows. */
Test(nd, rows, .init = frame_setup, .fini = frame_teardown)
{
	for (size_t i = 0; i < ROWS; i++)
		check_row(&rows[i]);
}
