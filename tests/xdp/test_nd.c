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
	struct patch patches[8];
	const uint8_t *answer;	     /* the MAC to answer with; NULL: silence */
	const uint8_t *conflict_mac; /* NULL: the Ethernet source */
	size_t headers_size;
	enum outcome outcome;
	int conflict_with;
	bool no_override;
	bool uncounted;
	bool bad_checksum;
	/* extension headers before the message, and the first one's type */
	uint8_t first_header;
	uint8_t headers[24];
};

static const uint8_t ours[6] = { MAC_OURS }, fixed[6] = { MAC_FIXED }, third[6] = { MAC_THIRD };
static const uint8_t requester[6] = { MAC_REQUESTER }, group[6] = { 3 };

#define HOP_BY_HOP  0
#define ROUTING	    43
#define FRAGMENT    44
#define DESTINATION 60
#define ICMPV6	    58
/* Padded to eight bytes. */
#define EXTENSION(next) (next), 0, 1, 4, 0, 0, 0, 0
#define BEHIND(type, ...)                                   \
	.first_header = (type), .headers = { __VA_ARGS__ }, \
	.headers_size = sizeof((uint8_t[]){ __VA_ARGS__ })
#define OPTION_MAC(...) PATCH(ND_OPTION + 2, __VA_ARGS__)
#define OUR_SOURCE	PATCH(ETH_SRC, MAC_OURS)

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
	{ "64 bytes behind the message", .length = ND_END + 64, .patches = {}, ANSWERED(ours) },
	{ "65 bytes behind the message", .length = ND_END + 65, .patches = {}, SILENT(TRAILER) },
	{ "1514 bytes", .length = 1514, .patches = {}, SILENT(TRAILER) },
	{ "from an owned address, 65 bytes behind it", .length = ND_END + 65,
	  .patches = { SAYS(OWNED), ASKS(NOT_OWNED) }, SILENT(CONFLICT), .conflict_with = OWNED },
	/* duplicate address detection */
	{ "probe with a nonce", .patches = { PROBE }, ANSWERED(ours) },
	{ "probe without an option", BARE, .patches = { PATCH(IP_SRC, UNSPECIFIED) },
	  ANSWERED(ours) },
	{ "probe, 64 bytes behind it", .length = ND_END + 64, .patches = { PROBE },
	  ANSWERED(ours) },
	{ "probe, 65 bytes behind it", .length = ND_END + 65, .patches = { PROBE },
	  SILENT(TRAILER) },
	{ "probe to our MAC", .patches = { PROBE, TO(MAC_OURS) }, SILENT(BAD_PROBE) },
	{ "probe to the broadcast MAC",
	  .patches = { PROBE, TO(0xff, 0xff, 0xff, 0xff, 0xff, 0xff) }, SILENT(BAD_PROBE) },
	{ "probe to another group's MAC", .patches = { PROBE, TO(0x33, 0x33, 0xff, 0, 0, 99) },
	  SILENT(BAD_PROBE) },
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
	/* ownership and leases */
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
	/* hosts store the option's MAC, whatever the frame's own is */
	{ "advertisement with our source and another option",
	  .patches = { ADVERTISES(OWNED), OUR_SOURCE, OPTION_MAC(MAC_THIRD) }, SILENT(CONFLICT),
	  .conflict_with = OWNED, .conflict_mac = third },
	{ "advertisement with our option and another source",
	  .patches = { ADVERTISES(OWNED), OPTION_MAC(MAC_OURS) }, SILENT(OWN_MAC) },
	{ "the first of two options counts", .body = 40,
	  .patches = { ADVERTISES(OWNED), OUR_SOURCE, OPTION_MAC(MAC_THIRD),
		       PATCH(86, 2, 1, MAC_OURS) },
	  SILENT(CONFLICT), .conflict_with = OWNED, .conflict_mac = third },
	{ "advertisement with a multicast option",
	  .patches = { ADVERTISES(OWNED), OPTION_MAC(3, 0, 0, 0, 0, 0) }, SILENT(CONFLICT),
	  .conflict_with = OWNED, .conflict_mac = group },
	{ "advertisement from a multicast source",
	  .patches = { ADVERTISES(OWNED), PATCH(ETH_SRC, 3, 0, 0, 0, 0, 0) }, SILENT(CONFLICT),
	  .conflict_with = OWNED, .conflict_mac = requester },
	{ "advertisement of an unowned address with a multicast option",
	  .patches = { ADVERTISES(NOT_OWNED), OPTION_MAC(3, 0, 0, 0, 0, 0) },
	  SILENT(BAD_SENDER_MAC) },
	{ "advertisement with a target option of 16 bytes", .body = 40,
	  .patches = { ADVERTISES(OWNED), PATCH(ND_OPTION, 2, 2) }, SILENT(BAD_FORMAT) },
	{ "solicitation from itself with our source", .patches = { SAYS(OWNED), OUR_SOURCE },
	  SILENT(CONFLICT), .conflict_with = OWNED, .conflict_mac = requester },
	{ "solicitation of an unowned address from an owned one with our source",
	  .patches = { SAYS(OWNED), ASKS(NOT_OWNED), OUR_SOURCE }, SILENT(CONFLICT),
	  .conflict_with = OWNED, .conflict_mac = requester },
	{ "solicitation of an owned address from another with our source",
	  .patches = { SAYS(OWNED_FIXED), OUR_SOURCE }, SILENT(CONFLICT),
	  .conflict_with = OWNED_FIXED, .conflict_mac = requester },
	{ "solicitation from an owned address with our option",
	  .patches = { SAYS(OWNED), ASKS(NOT_OWNED), OPTION_MAC(MAC_OURS) }, SILENT(OWN_MAC) },
	{ "solicitation from an owned address with a multicast option",
	  .patches = { SAYS(OWNED), ASKS(NOT_OWNED), OPTION_MAC(3, 0, 0, 0, 0, 0) },
	  SILENT(CONFLICT), .conflict_with = OWNED, .conflict_mac = group },
	/* over 256 bytes */
	{ "advertisement of 264 bytes", .body = 264,
	  .patches = { ADVERTISES(OWNED), OUR_SOURCE, OPTION_MAC(MAC_THIRD), PATCH(86, 200, 29) },
	  SILENT(CONFLICT), .conflict_with = OWNED, .conflict_mac = third },
	{ "advertisement of 1440 bytes, its option last", .body = 1440,
	  .patches = { ADVERTISES(OWNED), OUR_SOURCE, PATCH(ND_OPTION, 200, 176),
		       PATCH(ND_OPTION + 1408, 2, 1, MAC_THIRD) },
	  SILENT(CONFLICT), .conflict_with = OWNED, .conflict_mac = third },
	{ "advertisement of 264 bytes without an option", .body = 264,
	  .patches = { ADVERTISES(OWNED), PATCH(ND_OPTION, 200, 30) }, SILENT(CONFLICT),
	  .conflict_with = OWNED },
	{ "advertisement of 264 bytes with our option", .body = 264,
	  .patches = { ADVERTISES(OWNED), OPTION_MAC(MAC_OURS), PATCH(86, 200, 29) },
	  SILENT(OWN_MAC) },
	{ "advertisement of 264 bytes of an unowned address", .body = 264,
	  .patches = { ADVERTISES(NOT_OWNED), PATCH(86, 200, 29) }, SILENT(TOO_LONG) },
	{ "solicitation of 264 bytes from an owned address", .body = 264,
	  .patches = { SAYS(OWNED), ASKS(NOT_OWNED), OUR_SOURCE, PATCH(86, 200, 29) },
	  SILENT(CONFLICT), .conflict_with = OWNED, .conflict_mac = requester },
	/* behind extension headers */
	{ "advertisement behind a hop-by-hop header", .patches = { ADVERTISES(OWNED) },
	  BEHIND(HOP_BY_HOP, EXTENSION(ICMPV6)), SILENT(CONFLICT), .conflict_with = OWNED },
	{ "advertisement behind destination options",
	  .patches = { ADVERTISES(OWNED), OUR_SOURCE, OPTION_MAC(MAC_THIRD) },
	  BEHIND(DESTINATION, EXTENSION(ICMPV6)), SILENT(CONFLICT), .conflict_with = OWNED,
	  .conflict_mac = third },
	{ "advertisement behind a routing header", .patches = { ADVERTISES(OWNED) },
	  BEHIND(ROUTING, ICMPV6, 0, 4, 0, 0, 0, 0, 0), SILENT(CONFLICT), .conflict_with = OWNED },
	{ "advertisement behind a routing header that leads on", .patches = { ADVERTISES(OWNED) },
	  BEHIND(ROUTING, ICMPV6, 0, 4, 1, 0, 0, 0, 0), .uncounted = true },
	{ "advertisement behind three headers", .patches = { ADVERTISES(OWNED) },
	  BEHIND(HOP_BY_HOP, EXTENSION(DESTINATION), EXTENSION(DESTINATION), EXTENSION(ICMPV6)),
	  SILENT(CONFLICT), .conflict_with = OWNED },
	{ "advertisement behind a header of 16 bytes", .patches = { ADVERTISES(OWNED) },
	  BEHIND(DESTINATION, ICMPV6, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
	  SILENT(CONFLICT), .conflict_with = OWNED },
	{ "advertisement in a fragment", .patches = { ADVERTISES(OWNED) },
	  BEHIND(FRAGMENT, EXTENSION(ICMPV6)), .uncounted = true },
	{ "advertisement in a fragment behind a hop-by-hop header",
	  .patches = { ADVERTISES(OWNED) },
	  BEHIND(HOP_BY_HOP, EXTENSION(FRAGMENT), EXTENSION(ICMPV6)), .uncounted = true },
	{ "our advertisement behind a hop-by-hop header",
	  .patches = { ADVERTISES(OWNED), FROM(MAC_OURS) }, BEHIND(HOP_BY_HOP, EXTENSION(ICMPV6)),
	  SILENT(OWN_MAC) },
	{ "advertisement behind a hop-by-hop header through a router",
	  .patches = { ADVERTISES(OWNED), PATCH(IP_HOP_LIMIT, 254) },
	  BEHIND(HOP_BY_HOP, EXTENSION(ICMPV6)), SILENT(BAD_HOP_LIMIT) },
	{ "advertisement of code 1 behind a hop-by-hop header",
	  .patches = { ADVERTISES(OWNED), PATCH(ND_CODE, 1) },
	  BEHIND(HOP_BY_HOP, EXTENSION(ICMPV6)), SILENT(BAD_FORMAT) },
	{ "frame ends in the message behind a hop-by-hop header", .length = 70,
	  .patches = { ADVERTISES(OWNED) }, BEHIND(HOP_BY_HOP, EXTENSION(ICMPV6)),
	  SILENT(TRUNCATED) },
	{ "frame ends in a hop-by-hop header", .length = 57, .patches = { ADVERTISES(OWNED) },
	  BEHIND(HOP_BY_HOP, EXTENSION(ICMPV6)), .uncounted = true },
	{ "solicitation behind a hop-by-hop header", .patches = {},
	  BEHIND(HOP_BY_HOP, EXTENSION(ICMPV6)), SILENT(EXTENSION_HEADERS) },
	{ "solicitation from an owned address behind destination options",
	  .patches = { SAYS(OWNED), OUR_SOURCE }, BEHIND(DESTINATION, EXTENSION(ICMPV6)),
	  SILENT(CONFLICT), .conflict_with = OWNED, .conflict_mac = requester },
	{ "listener report behind a hop-by-hop header", .patches = { PATCH(ND_TYPE, 143) },
	  BEHIND(HOP_BY_HOP, EXTENSION(ICMPV6)), .uncounted = true },
	/* an option of the other message type is ignored (RFC 4861 7.1.2) */
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

/* Before the message, whose checksum they don't change. */
static void extensions_insert(struct frame *frame, const struct row *row, size_t body)
{
	size_t length = body + row->headers_size;

	if (!row->headers_size)
		return;
	memmove(&frame->bytes[ND_TYPE + row->headers_size], &frame->bytes[ND_TYPE], body);
	memcpy(&frame->bytes[ND_TYPE], row->headers, row->headers_size);
	frame->bytes[IP_NEXT_HEADER] = row->first_header;
	frame->bytes[IP_PAYLOAD_LENGTH] = length >> 8;
	frame->bytes[IP_PAYLOAD_LENGTH + 1] = length;
	frame->length += row->headers_size;
}

static void check_row(const struct row *row)
{
	const uint8_t address[16] = { IP6(row->conflict_with) };
	const uint8_t *mac;
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
	extensions_insert(&in, row, body);
	in.length = row->length ?: in.length;
	wanted = in;
	if (row->answer)
		advertisement_expected(&in, row->answer, !row->no_override, &wanted);
	mac = row->conflict_mac ?: &in.bytes[ETH_SRC];
	conflicts = frame_conflicts(address, mac);
	frame_run(&in, &result);

	cr_expect_eq(result.verdict, row->answer ? XDP_TX : XDP_PASS, "%s: verdict %u", row->name,
		     result.verdict);
	frame_expect(row->name, &result.out, &wanted);
	frame_expect_counts(row->name, &result, row->uncounted ? OUTCOME_COUNT : row->outcome,
			    OUTCOME_COUNT);
	cr_expect_eq(result.responses, row->answer != NULL, "%s: responses_sent moved by %lu",
		     row->name, result.responses);
	conflicts = frame_conflicts(address, mac) - conflicts;
	cr_expect_eq(conflicts, row->conflict_with != 0, "%s: %lu conflicts recorded", row->name,
		     conflicts);
}

/* One fixture for all rows: verifying the program takes longer than they do. */
Test(nd, rows, .init = frame_setup, .fini = frame_teardown)
{
	for (size_t i = 0; i < ROWS; i++)
		check_row(&rows[i]);
}
