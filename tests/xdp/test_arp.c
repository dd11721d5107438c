// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The contract for ARP, a row a frame: what comes in, what becomes of it, which counters move. A
 * row starts from a request by REQUESTER for OWNED and says what differs. The reply that is
 * expected is written down from RFC 826, byte for byte, in reply_expected(); the program's own
 * headers are not used for it.
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
	ARP_HRD = 14,
	ARP_PRO = 16,
	ARP_HLN = 18,
	ARP_PLN = 19,
	ARP_OP = 20,
	ARP_SHA = 22,
	ARP_SPA = 28,
	ARP_THA = 32,
	ARP_TPA = 38,
	ARP_END = 42,
};

/* Bytes written over the plain request; length 0 ends a row's list. */
struct patch {
	size_t at;
	size_t length;
	uint8_t bytes[14];
};

#define PATCH(at_, ...)                                  \
	{                                                \
		at_, sizeof((uint8_t[]){ __VA_ARGS__ }), \
		{                                        \
			__VA_ARGS__                      \
		}                                        \
	}
#define IP(host)     198, 18, 0, host
#define MAPPED(host) [10] = 0xff, 0xff, IP(host)
#define FROM(...)    PATCH(ETH_SRC, __VA_ARGS__), PATCH(ARP_SHA, __VA_ARGS__)
#define TO(...)	     PATCH(ETH_DST, __VA_ARGS__)
#define ASKS(host)   PATCH(ARP_TPA, IP(host))
#define SAYS(host)   PATCH(ARP_SPA, IP(host))
#define OP(op)	     PATCH(ARP_OP, 0, op)

struct row {
	const char *name;
	size_t length; /* 0: 42 */
	struct patch patches[6];
	const uint8_t *answer; /* the MAC to answer with; NULL: silence */
	enum outcome outcome;
	bool sha_mismatch; /* counted besides */
	int conflict_with; /* host of the address in conflict, seen from the row's sha; 0: none */
	bool uncounted;	   /* not ARP: no counter moves */
};

static const uint8_t ours[6] = { MAC_OURS }, fixed[6] = { MAC_FIXED };

#define ANSWERED(mac) .answer = (mac), .outcome = OUTCOME_ARP_ANSWERED
#define SILENT(what)  .outcome = OUTCOME_ARP_##what

static const struct row rows[] = {
	/* requests for an owned address */
	{ "broadcast request", .patches = {}, ANSWERED(ours) },
	{ "unicast to the answering MAC", .patches = { TO(MAC_OURS) }, ANSWERED(ours) },
	{ "fixed MAC", .patches = { ASKS(OWNED_FIXED) }, ANSWERED(fixed) },
	{ "unicast to the fixed MAC", .patches = { ASKS(OWNED_FIXED), TO(MAC_FIXED) },
	  ANSWERED(fixed) },
	{ "probe, spa 0.0.0.0", .patches = { PATCH(ARP_SPA, 0, 0, 0, 0) }, ANSWERED(ours) },
	{ "tha filled in", .patches = { PATCH(ARP_THA, MAC_THIRD) }, ANSWERED(ours) },
	{ "sha differs from the source", .patches = { PATCH(ARP_SHA, MAC_THIRD) }, ANSWERED(ours),
	  .sha_mismatch = true },
	{ "spa from outside the subnet", .patches = { PATCH(ARP_SPA, 203, 0, 113, 9) },
	  ANSWERED(ours) },
	{ "spa is another owned address, answered without a second look-up",
	  .patches = { SAYS(OWNED_FIXED) }, ANSWERED(ours) },
	/* lengths */
	{ "60 bytes", .length = 60, .patches = {}, ANSWERED(ours) },
	{ "64 bytes", .length = 64, .patches = {}, ANSWERED(ours) },
	{ "1514 bytes", .length = 1514, .patches = {}, ANSWERED(ours) },
	{ "41 bytes", .length = 41, .patches = {}, SILENT(TRUNCATED) },
	{ "28 bytes", .length = 28, .patches = {}, SILENT(TRUNCATED) },
	{ "14 bytes", .length = 14, .patches = {}, SILENT(TRUNCATED) },
	/* ownership and leases */
	{ "not owned", .patches = { ASKS(NOT_OWNED) }, SILENT(NOT_OWNED) },
	{ "owned on another interface", .patches = { ASKS(ELSEWHERE) }, SILENT(NOT_OWNED) },
	{ "element reused for another address", .patches = { ASKS(REUSED) }, SILENT(NOT_OWNED) },
	{ "lease ahead", .patches = { ASKS(LEASE_AHEAD) }, ANSWERED(ours) },
	{ "lease over", .patches = { ASKS(LEASE_LAPSED) }, SILENT(LEASE_OVER) },
	{ "lease over, announced by another", .patches = { ASKS(LEASE_LAPSED), SAYS(LEASE_LAPSED) },
	  SILENT(LEASE_OVER) },
	/* others use our address */
	{ "announcement, request form", .patches = { SAYS(OWNED) }, SILENT(CONFLICT),
	  .conflict_with = OWNED },
	{ "announcement, request form, to another MAC", .patches = { SAYS(OWNED), TO(MAC_THIRD) },
	  SILENT(CONFLICT), .conflict_with = OWNED },
	{ "announcement, reply form", .patches = { OP(2), SAYS(OWNED) }, SILENT(CONFLICT),
	  .conflict_with = OWNED },
	{ "reply from an owned address", .patches = { OP(2), SAYS(OWNED), ASKS(REQUESTER) },
	  SILENT(CONFLICT), .conflict_with = OWNED },
	{ "request for an unowned address from an owned one",
	  .patches = { SAYS(OWNED), ASKS(NOT_OWNED) }, SILENT(CONFLICT), .conflict_with = OWNED },
	{ "reply from an address whose lease is over", .patches = { OP(2), SAYS(LEASE_LAPSED) },
	  SILENT(NOT_REQUEST) },
	/* our own frames */
	{ "request by our own MAC", .patches = { FROM(MAC_OURS) }, SILENT(OWN_MAC) },
	{ "sha is ours, source isn't", .patches = { PATCH(ARP_SHA, MAC_OURS) }, SILENT(OWN_MAC) },
	{ "source is ours, sha isn't", .patches = { PATCH(ETH_SRC, MAC_OURS) }, SILENT(OWN_MAC) },
	{ "sha is ours, source isn't, spa is an address with another MAC of ours",
	  .patches = { PATCH(ARP_SHA, MAC_OURS), SAYS(OWNED_FIXED) }, SILENT(OWN_MAC) },
	{ "our announcement comes back", .patches = { FROM(MAC_OURS), SAYS(OWNED) },
	  SILENT(OWN_MAC) },
	{ "our announcement in reply form comes back",
	  .patches = { OP(2), FROM(MAC_OURS), SAYS(OWNED) }, SILENT(OWN_MAC) },
	/* hosts store the sha, whatever else the frame has */
	{ "announcement, request form, with our source",
	  .patches = { SAYS(OWNED), PATCH(ETH_SRC, MAC_OURS) }, SILENT(CONFLICT),
	  .conflict_with = OWNED },
	{ "announcement, reply form, with our source",
	  .patches = { OP(2), SAYS(OWNED), PATCH(ETH_SRC, MAC_OURS) }, SILENT(CONFLICT),
	  .conflict_with = OWNED },
	{ "reply with our source",
	  .patches = { OP(2), SAYS(OWNED), ASKS(REQUESTER), PATCH(ETH_SRC, MAC_OURS) },
	  SILENT(CONFLICT), .conflict_with = OWNED },
	{ "request for an unowned address with our source",
	  .patches = { SAYS(OWNED), ASKS(NOT_OWNED), PATCH(ETH_SRC, MAC_OURS) }, SILENT(CONFLICT),
	  .conflict_with = OWNED },
	{ "request for another owned address with our source",
	  .patches = { SAYS(OWNED_FIXED), PATCH(ETH_SRC, MAC_OURS) }, SILENT(CONFLICT),
	  .conflict_with = OWNED_FIXED },
	{ "request for another owned address to another MAC",
	  .patches = { SAYS(OWNED_FIXED), TO(MAC_THIRD) }, SILENT(CONFLICT),
	  .conflict_with = OWNED_FIXED },
	{ "announcement with a multicast sha",
	  .patches = { SAYS(OWNED), PATCH(ARP_SHA, 3, 0, 0, 0, 0, 1) }, SILENT(CONFLICT),
	  .conflict_with = OWNED },
	{ "reply with a multicast sha",
	  .patches = { OP(2), SAYS(OWNED), PATCH(ARP_SHA, 3, 0, 0, 0, 0, 1) }, SILENT(CONFLICT),
	  .conflict_with = OWNED },
	{ "reply with sha zero",
	  .patches = { OP(2), SAYS(OWNED), PATCH(ARP_SHA, 0, 0, 0, 0, 0, 0) }, SILENT(CONFLICT),
	  .conflict_with = OWNED },
	{ "announcement with a multicast source",
	  .patches = { SAYS(OWNED), PATCH(ETH_SRC, 3, 0, 0, 0, 0, 1) }, SILENT(CONFLICT),
	  .conflict_with = OWNED },
	{ "reply with a multicast source",
	  .patches = { OP(2), SAYS(OWNED), PATCH(ETH_SRC, 3, 0, 0, 0, 0, 1) }, SILENT(CONFLICT),
	  .conflict_with = OWNED },
	{ "announcement of IEEE 802's hardware type",
	  .patches = { SAYS(OWNED), PATCH(ARP_HRD, 0, 6) }, SILENT(CONFLICT),
	  .conflict_with = OWNED },
	{ "reply of IEEE 802's hardware type",
	  .patches = { OP(2), SAYS(OWNED), PATCH(ARP_HRD, 0, 6) }, SILENT(CONFLICT),
	  .conflict_with = OWNED },
	{ "inverse reply from an owned address", .patches = { OP(9), SAYS(OWNED) },
	  SILENT(NOT_REQUEST) },
	/* operations */
	{ "reply", .patches = { OP(2) }, SILENT(NOT_REQUEST) },
	{ "op 0", .patches = { OP(0) }, SILENT(NOT_REQUEST) },
	{ "op 3, reverse request", .patches = { OP(3) }, SILENT(NOT_REQUEST) },
	{ "op 4, reverse reply", .patches = { OP(4) }, SILENT(NOT_REQUEST) },
	{ "op 8, inverse request", .patches = { OP(8) }, SILENT(NOT_REQUEST) },
	{ "op 9, inverse reply", .patches = { OP(9) }, SILENT(NOT_REQUEST) },
	{ "op 256", .patches = { PATCH(ARP_OP, 1, 0) }, SILENT(NOT_REQUEST) },
	{ "op 257", .patches = { PATCH(ARP_OP, 1, 1) }, SILENT(NOT_REQUEST) },
	/* formats */
	{ "hrd 6, IEEE 802", .patches = { PATCH(ARP_HRD, 0, 6) }, SILENT(BAD_FORMAT) },
	{ "pro 0x86dd", .patches = { PATCH(ARP_PRO, 0x86, 0xdd) }, SILENT(BAD_FORMAT) },
	{ "hln 8", .patches = { PATCH(ARP_HLN, 8) }, SILENT(BAD_FORMAT) },
	{ "pln 16", .patches = { PATCH(ARP_PLN, 16) }, SILENT(BAD_FORMAT) },
	/* destinations */
	{ "unicast to another MAC", .patches = { TO(MAC_THIRD) }, SILENT(OTHER_DESTINATION) },
	{ "multicast", .patches = { TO(0x01, 0x00, 0x5e, 0, 0, 1) }, SILENT(OTHER_DESTINATION) },
	/* senders that no host is */
	{ "sha multicast", .patches = { PATCH(ARP_SHA, 3, 0, 0, 0, 0, 1) },
	  SILENT(BAD_SENDER_MAC) },
	{ "sha broadcast", .patches = { PATCH(ARP_SHA, 255, 255, 255, 255, 255, 255) },
	  SILENT(BAD_SENDER_MAC) },
	{ "sha zero", .patches = { PATCH(ARP_SHA, 0, 0, 0, 0, 0, 0) }, SILENT(BAD_SENDER_MAC) },
	{ "source multicast", .patches = { PATCH(ETH_SRC, 3, 0, 0, 0, 0, 1) },
	  SILENT(BAD_SENDER_MAC) },
	{ "source broadcast", .patches = { PATCH(ETH_SRC, 255, 255, 255, 255, 255, 255) },
	  SILENT(BAD_SENDER_MAC) },
	{ "source zero", .patches = { PATCH(ETH_SRC, 0, 0, 0, 0, 0, 0) }, SILENT(BAD_SENDER_MAC) },
	{ "spa multicast", .patches = { PATCH(ARP_SPA, 224, 0, 0, 1) }, SILENT(BAD_SENDER_IP) },
	{ "spa 239.255.255.255", .patches = { PATCH(ARP_SPA, 239, 255, 255, 255) },
	  SILENT(BAD_SENDER_IP) },
	{ "spa 127.0.0.1", .patches = { PATCH(ARP_SPA, 127, 0, 0, 1) }, SILENT(BAD_SENDER_IP) },
	{ "spa broadcast", .patches = { PATCH(ARP_SPA, 255, 255, 255, 255) },
	  SILENT(BAD_SENDER_IP) },
	{ "spa 240.0.0.1, no more than reserved", .patches = { PATCH(ARP_SPA, 240, 0, 0, 1) },
	  ANSWERED(ours) },
	{ "reply with a multicast sha, from an unowned address",
	  .patches = { OP(2), PATCH(ARP_SHA, 3, 0, 0, 0, 0, 1) }, SILENT(BAD_SENDER_MAC) },
	/* other frames */
	{ "RARP", .patches = { PATCH(ETH_TYPE, 0x80, 0x35) }, .uncounted = true },
	{ "IPv4", .patches = { PATCH(ETH_TYPE, 0x08, 0x00) }, .uncounted = true },
	{ "IPv6", .patches = { PATCH(ETH_TYPE, 0x86, 0xdd) }, .uncounted = true },
	{ "802.3 length", .patches = { PATCH(ETH_TYPE, 0x00, 0x1c) }, .uncounted = true },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void request_make(struct frame *frame, size_t length)
{
	static const uint8_t request[ARP_END] = {
		0xff,
		0xff,
		0xff,
		0xff,
		0xff,
		0xff,
		MAC_REQUESTER,
		0x08,
		0x06,
		0x00,
		0x01,
		0x08,
		0x00,
		6,
		4,
		0x00,
		0x01,
		MAC_REQUESTER,
		IP(REQUESTER),
		0,
		0,
		0,
		0,
		0,
		0,
		IP(OWNED),
	};

	memcpy(frame->bytes, request, sizeof(request));
	for (size_t i = ARP_END; i < FRAME_MAX; i++)
		frame->bytes[i] = 0xa0 + i; /* a trailer that is recognised when it comes back */
	frame->length = length ?: ARP_END;
}

/* RFC 826: swap, fill in, op 2; every other byte as it came. */
static void reply_expected(const struct frame *in, const uint8_t mac[6], struct frame *reply)
{
	*reply = *in;
	memcpy(&reply->bytes[ETH_DST], &in->bytes[ARP_SHA], 6);
	memcpy(&reply->bytes[ETH_SRC], mac, 6);
	reply->bytes[ARP_OP] = 0;
	reply->bytes[ARP_OP + 1] = 2;
	memcpy(&reply->bytes[ARP_SHA], mac, 6);
	memcpy(&reply->bytes[ARP_SPA], &in->bytes[ARP_TPA], 4);
	memcpy(&reply->bytes[ARP_THA], &in->bytes[ARP_SHA], 6);
	memcpy(&reply->bytes[ARP_TPA], &in->bytes[ARP_SPA], 4);
}

static void check_row(const struct row *row)
{
	const uint8_t address[16] = { MAPPED(row->conflict_with) };
	struct frame in, wanted;
	struct frame_result result;
	uint64_t conflicts;

	request_make(&in, row->length);
	for (const struct patch *patch = row->patches; patch->length; patch++)
		memcpy(&in.bytes[patch->at], patch->bytes, patch->length);
	wanted = in;
	if (row->answer)
		reply_expected(&in, row->answer, &wanted);
	conflicts = frame_conflicts(address, &in.bytes[ARP_SHA]);
	frame_run(&in, &result);

	cr_expect_eq(result.verdict, row->answer ? XDP_TX : XDP_PASS, "%s: verdict %u", row->name,
		     result.verdict);
	frame_expect(row->name, &result.out, &wanted);
	frame_expect_counts(row->name, &result, row->uncounted ? OUTCOME_COUNT : row->outcome,
			    row->sha_mismatch ? OUTCOME_ARP_SHA_MISMATCH : OUTCOME_COUNT);
	cr_expect_eq(result.responses, row->answer != NULL, "%s: responses_sent moved by %lu",
		     row->name, result.responses);
	conflicts = frame_conflicts(address, &in.bytes[ARP_SHA]) - conflicts;
	cr_expect_eq(conflicts, row->conflict_with != 0, "%s: %lu conflicts recorded", row->name,
		     conflicts);
}

/* One fixture for all rows: verifying the program takes longer than they do. */
Test(arp, rows, .init = frame_setup, .fini = frame_teardown)
{
	for (size_t i = 0; i < ROWS; i++)
		check_row(&rows[i]);
}

Test(arp, conflicts_add_up, .init = frame_setup, .fini = frame_teardown)
{
	const uint8_t address[16] = { MAPPED(OWNED) }, requester[6] = { MAC_REQUESTER };
	struct frame_result result;
	struct frame in;

	request_make(&in, 42);
	memcpy(&in.bytes[ARP_SPA], &address[12], 4);
	for (int i = 0; i < 5; i++)
		frame_run(&in, &result);
	cr_expect_eq(frame_conflicts(address, requester), 5);
}
