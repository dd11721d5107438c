// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The contract for VLAN tags, a row a frame: an ARP request behind tags, for an address that is
 * owned on one device, and whether it reaches that device. The reply keeps the tags as they came.
 */
#include <string.h>
#include <linux/bpf.h>
#include <criterion/criterion.h>

#include "frame.h"

#define MAX_TAGS 3
#define ARP_SIZE 28

struct row {
	const char *name;
	struct {
		uint16_t protocol; /* 0 ends the list */
		uint16_t tci;
	} tags[MAX_TAGS];
	uint8_t asks; /* 198.18.0.x */
	size_t short_by;
	bool answered;
	enum outcome outcome; /* OUTCOME_COUNT: no counter moves */
};

#define Q(tci)	     { 0x8100, tci }
#define AD(tci)	     { 0x88a8, tci }
#define PRIORITY(p)  ((p) << 13)
#define ANSWERED     .answered = true, .outcome = OUTCOME_ARP_ANSWERED
#define SILENT(what) .outcome = OUTCOME_ARP_##what
#define UNCOUNTED    .outcome = OUTCOME_COUNT

static const struct row rows[] = {
	{ "VID of a VLAN device", { Q(100) }, ON_VLAN, ANSWERED },
	{ "the same with a priority and DEI",
	  { Q(PRIORITY(5) | 0x1000 | 100) },
	  ON_VLAN,
	  ANSWERED },
	{ "802.1ad", { AD(200) }, ON_OUTER, ANSWERED },
	{ "QinQ, both configured", { AD(200), Q(300) }, ON_INNER, ANSWERED },
	{ "priority tag", { Q(PRIORITY(7)) }, OWNED, ANSWERED },
	{ "priority tag of 802.1ad", { AD(PRIORITY(7)) }, OWNED, ANSWERED },
	{ "priority tag before a VLAN's", { Q(PRIORITY(7)), Q(100) }, ON_VLAN, ANSWERED },
	{ "untagged, for the VLAN's address", {}, ON_VLAN, SILENT(NOT_OWNED) },
	{ "tagged, for the parent's address", { Q(100) }, OWNED, SILENT(NOT_OWNED) },
	{ "the outer tag's device, asked for the inner's",
	  { AD(200) },
	  ON_INNER,
	  SILENT(NOT_OWNED) },
	{ "VID not configured", { Q(101) }, ON_VLAN, SILENT(OTHER_VLAN) },
	{ "VID configured with another protocol", { AD(100) }, ON_VLAN, SILENT(OTHER_VLAN) },
	{ "two tags, inner not configured", { AD(200), Q(301) }, ON_INNER, SILENT(OTHER_VLAN) },
	{ "two tags, outer not configured", { AD(201), Q(300) }, ON_INNER, SILENT(OTHER_VLAN) },
	{ "the same tag twice", { Q(100), Q(100) }, ON_VLAN, SILENT(OTHER_VLAN) },
	{ "three tags", { AD(200), Q(300), Q(100) }, ON_INNER, UNCOUNTED },
	{ "45 bytes with a tag", { Q(100) }, ON_VLAN, .short_by = 1, SILENT(TRUNCATED) },
	{ "49 bytes with two", { AD(200), Q(300) }, ON_INNER, .short_by = 1, SILENT(TRUNCATED) },
	{ "ends in the tag", { Q(100) }, ON_VLAN, .short_by = ARP_SIZE + 1, UNCOUNTED },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* Returns the offset of the ARP packet. */
static size_t request_make(const struct row *row, struct frame *frame)
{
	static const uint8_t addresses[12] = { 255, 255, 255, 255, 255, 255, MAC_REQUESTER };
	const uint8_t packet[ARP_SIZE] = {
		0, 1, 8, 0, 6, 4,   0,	1, MAC_REQUESTER, 198, 18, 0, REQUESTER, 0,
		0, 0, 0, 0, 0, 198, 18, 0, row->asks
	};
	size_t at = sizeof(addresses);

	memcpy(frame->bytes, addresses, sizeof(addresses));
	for (int i = 0; i < MAX_TAGS && row->tags[i].protocol; i++) {
		frame->bytes[at++] = row->tags[i].protocol >> 8;
		frame->bytes[at++] = row->tags[i].protocol;
		frame->bytes[at++] = row->tags[i].tci >> 8;
		frame->bytes[at++] = row->tags[i].tci;
	}
	frame->bytes[at++] = 0x08;
	frame->bytes[at++] = 0x06;
	memcpy(&frame->bytes[at], packet, sizeof(packet));
	frame->length = at + sizeof(packet) - row->short_by;
	return at;
}

static void check_row(const struct row *row)
{
	static const uint8_t ours[6] = { MAC_OURS }, requester[6] = { MAC_REQUESTER };
	struct frame_result result;
	struct frame in, wanted;
	size_t arp = request_make(row, &in);

	wanted = in;
	if (row->answered) {
		memcpy(&wanted.bytes[0], requester, 6);
		memcpy(&wanted.bytes[6], ours, 6);
		wanted.bytes[arp + 7] = 2;
		memcpy(&wanted.bytes[arp + 8], ours, 6);
		memcpy(&wanted.bytes[arp + 14], &in.bytes[arp + 24], 4);
		memcpy(&wanted.bytes[arp + 18], requester, 6);
		memcpy(&wanted.bytes[arp + 24], &in.bytes[arp + 14], 4);
	}
	frame_run(&in, &result);
	cr_expect_eq(result.verdict, row->answered ? XDP_TX : XDP_PASS, "%s: verdict %u", row->name,
		     result.verdict);
	frame_expect(row->name, &result.out, &wanted);
	frame_expect_counts(row->name, &result, row->outcome, OUTCOME_COUNT);
	cr_expect_eq(result.responses, row->answered, "%s", row->name);
}

/* One fixture for all rows: verifying the program takes longer than they do. */
Test(vlan, rows, .init = frame_setup, .fini = frame_teardown)
{
	for (size_t i = 0; i < ROWS; i++)
		check_row(&rows[i]);
}

/* On a trunk nearly all frames have no outcome: recording them would lose those that monitor shows.
 */
Test(vlan, what_monitor_does_not_show_takes_no_room, .init = frame_setup, .fini = frame_teardown)
{
	static const struct row tagged = { .tags = { Q(100) }, .asks = NOT_OWNED };
	struct frame arp, ip4;
	uint64_t lost;
	size_t at = request_make(&tagged, &arp);

	ip4 = arp;
	ip4.bytes[at - 1] = 0x00;
	cr_expect_eq(frame_trace(&ip4, 100000, &lost), 0);
	cr_expect_eq(lost, 0, "%llu lost", (unsigned long long)lost);
	cr_expect_eq(frame_trace(&arp, 3, &lost), 3);
	cr_expect_eq(lost, 0);
}
