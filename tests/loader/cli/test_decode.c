// SPDX-License-Identifier: GPL-2.0-or-later
/* Decoding of frames that are truncated, padded, tagged or invalid. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <criterion/criterion.h>

#include "decode.h"

#define ETH	    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0, 0, 0, 0x02
#define ARP_HEAD    0x08, 0x06, 0, 1, 0x08, 0, 6, 4
#define SHA	    0x02, 0, 0, 0, 0, 0x02
#define SPA	    198, 18, 0, 2
#define TPA	    198, 18, 10, 1
#define REQUEST	    ARP_HEAD, 0, 1, SHA, SPA, 0, 0, 0, 0, 0, 0, TPA
#define IP6(length) 0x86, 0xdd, 0x60, 0, 0, 0, 0, length, 58, 255, SRC, DST
#define SRC	    0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2
#define DST	    0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 1
#define TARGET	    0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1
#define NS	    135, 0, 0, 0, 0, 0, 0, 0, TARGET
#define SOURCE_MAC  1, 1, SHA
#define NONCE	    14, 1, 1, 2, 3, 4, 5, 6

#define TELL "ARP, Request who-has 198.18.10.1 tell 198.18.0.2"
#define ASK                                                                                     \
	"IP6 2001:db8::2 > ff02::1:ff00:1: ICMP6, neighbor solicitation, who has 2001:db8::1, " \
	"length "

#define BYTES(...) .bytes = { __VA_ARGS__ }, .captured = sizeof((const uint8_t[]){ __VA_ARGS__ })

static const struct {
	uint8_t bytes[128];
	size_t captured;
	size_t more; /* bytes on the wire that weren't captured */
	const char *text;
	const char *mac; /* the link-layer address option in JSON; NULL: none */
} frames[] = {
	{ BYTES(ETH, REQUEST), .text = TELL ", length 28" },
	{ BYTES(ETH, REQUEST, 0, 0), .text = TELL ", length 30" },
	{ BYTES(ETH, REQUEST), .more = 1000, .text = TELL ", length 1028" },
	{ BYTES(ETH, ARP_HEAD), .text = "ARP, truncated, length 6" },
	{ BYTES(ETH, 0x08, 0x06), .text = "ARP, truncated, length 0" },
	{ BYTES(ETH, 0x81, 0, 0xaf, 0xff, REQUEST), .text = "vlan 4095, p 5, " TELL ", length 28" },
	{ BYTES(ETH, 0x88, 0xa8, 0, 7, 0x81, 0, 0, 42, REQUEST),
	  .text = "802.1ad vlan 7, p 0, vlan 42, p 0, " TELL ", length 28" },
	{ BYTES(ETH, 0x81, 0, 0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3, REQUEST),
	  .text = "vlan 1, p 0, vlan 2, p 0, ethertype 0x8100, length 32" },
	{ BYTES(ETH, 0x81, 0, 0), .text = "ethertype 0x8100, length 1" },
	{ BYTES(ETH, IP6(24), NS), .text = ASK "24" },
	{ BYTES(ETH, IP6(32), NS, SOURCE_MAC), .text = ASK "32", .mac = "02:00:00:00:00:02" },
	{ BYTES(ETH, IP6(40), NS, NONCE, SOURCE_MAC), .text = ASK "40",
	  .mac = "02:00:00:00:00:02" },
	/* behind the message is padding, whatever it looks like */
	{ BYTES(ETH, IP6(24), NS, SOURCE_MAC), .text = ASK "24" },
	/* options that go nowhere or too far */
	{ BYTES(ETH, IP6(40), NS, 14, 0, 0, 0, 0, 0, 0, 0, SOURCE_MAC), .text = ASK "40" },
	{ BYTES(ETH, IP6(40), NS, 14, 255, 0, 0, 0, 0, 0, 0, SOURCE_MAC), .text = ASK "40" },
	{ BYTES(ETH, IP6(32), NS, 2, 1, SHA), .text = ASK "32" },
	{ BYTES(ETH, IP6(23), NS), .text = "IP6, ICMP6 neighbor, truncated, length 64" },
	{ BYTES(ETH, IP6(24), 135), .text = "IP6, ICMP6 neighbor, truncated, length 41" },
	{ BYTES(ETH, IP6(24)), .text = "ethertype 0x86dd, length 40" },
	{ BYTES(ETH, IP6(8), 128, 0, 0, 0, 0, 0, 0, 0), .text = "ethertype 0x86dd, length 48" },
};

/* A frame in memory that ends where it does, so that a sanitizer sees a read past it. */
static int decode_exactly(const uint8_t *bytes, size_t captured, size_t length,
			  struct decoded *ret_decoded)
{
	uint8_t *copy = malloc(captured ?: 1);
	int r;

	cr_assert(copy);
	memcpy(copy, bytes, captured);
	r = decode_frame(copy, captured, length, ret_decoded);
	free(copy);
	return r;
}

static char *printed(const struct decoded *decoded)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	cr_assert(to);
	decode_print(decoded, to);
	fclose(to);
	return text;
}

Test(decode, frames)
{
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		struct decoded decoded;
		const char *mac;
		json_t *json;
		char *text;

		cr_assert_eq(decode_exactly(frames[i].bytes, frames[i].captured,
					    frames[i].captured + frames[i].more, &decoded),
			     0);
		text = printed(&decoded);
		cr_expect_str_eq(text, frames[i].text);
		free(text);
		json = decode_json(&decoded);
		cr_assert(json);
		mac = json_string_value(json_object_get(json, "mac"));
		cr_expect_str_eq(mac ?: "", frames[i].mac ?: "", "%s", frames[i].text);
		json_decref(json);
	}
}

/* Every frame cut at every byte, and with each of its bits changed: nothing is read past the end.
 */
Test(decode, cut_and_changed)
{
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		uint8_t bytes[sizeof(frames[i].bytes)];
		struct decoded decoded;

		memcpy(bytes, frames[i].bytes, sizeof(bytes));
		for (size_t cut = 0; cut <= frames[i].captured; cut++)
			cr_assert_eq(decode_exactly(bytes, cut, frames[i].captured, &decoded),
				     cut < ETH_HLEN ? -EINVAL : 0);
		for (size_t at = 0; at < frames[i].captured; at++)
			for (int bit = 0; bit < 8; bit++) {
				bytes[at] = frames[i].bytes[at] ^ (1 << bit);
				cr_assert_eq(decode_exactly(bytes, frames[i].captured,
							    frames[i].captured, &decoded),
					     0);
				free(printed(&decoded));
				json_decref(decode_json(&decoded));
				bytes[at] = frames[i].bytes[at];
			}
	}
}

Test(decode, longer_than_it_is)
{
	struct decoded decoded;

	cr_expect_eq(decode_frame(frames[0].bytes, 42, 41, &decoded), -EINVAL);
}

Test(decode, mentions)
{
	static const struct {
		size_t frame;
		struct address address;
		bool mentioned;
	} rows[] = {
		{ 0, { { [10] = 0xff, 0xff, SPA } }, true },
		{ 0, { { [10] = 0xff, 0xff, TPA } }, true },
		{ 0, { { [10] = 0xff, 0xff, 0, 0, 0, 0 } }, false },
		{ 3, { { [10] = 0xff, 0xff, 0, 0, 0, 0 } }, false },
		{ 9, { { SRC } }, true },
		{ 9, { { DST } }, true },
		{ 9, { { TARGET } }, true },
		{ 9, { { [10] = 0xff, 0xff, SPA } }, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct decoded decoded;

		cr_assert_eq(decode_frame(frames[rows[i].frame].bytes,
					  frames[rows[i].frame].captured,
					  frames[rows[i].frame].captured, &decoded),
			     0);
		cr_expect_eq(decode_mentions(&decoded, &rows[i].address), rows[i].mentioned,
			     "row %zu", i);
	}
}
