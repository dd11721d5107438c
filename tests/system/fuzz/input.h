/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the fuzzer's bytes mean to fuzz_frame: what the responder was told, then a frame. */
#ifndef XDP_L2RESP_TESTS_INPUT_H
#define XDP_L2RESP_TESTS_INPUT_H

#include "reference.h"

#define INPUT_ADDRESSES 4
#define INPUT_VLANS	3

enum input_flags {
	INPUT_TRACED = 1 << 0,
	INPUT_TRACE_OVER = 1 << 1, /* its reader hasn't been heard of for long */
	INPUT_RINGS_FULL = 1 << 2,
	INPUT_HASHES_FULL = 1 << 3,
	INPUT_CSUM_FOLDED = 1 << 4,
};

enum input_kind {
	INPUT_V6 = 1 << 0,
	INPUT_PREFIX = 3 << 1,
	INPUT_DEVICE = 3 << 3,
	INPUT_NO_OVERRIDE = 1 << 5,
	INPUT_FIXED_MAC = 1 << 6,
	INPUT_REUSED = 1 << 7, /* its element carries another address */
};

enum input_lease { INPUT_FOREVER, INPUT_FRESH, INPUT_CLOSE, INPUT_LAPSED };

struct input {
	uint8_t flags;
	uint8_t trailer;   /* words of eight bytes behind the frame's bytes */
	uint8_t fragments; /* bytes of the frame that are in fragments, if it has more */
	uint8_t leases;	   /* enum input_lease, two bits an address */
	struct {
		uint8_t host;
		uint8_t kind;
	} address[INPUT_ADDRESSES];
	struct {
		uint8_t kind; /* lowest bit: 802.1ad; next two: its parent; upper half: of the VID
			       */
		uint8_t vid;  /* lower eight bits; 0 and 4095: no VLAN here */
	} vlan[INPUT_VLANS];
	uint8_t frame[];
};

#define INPUT_FRAME_MAX 1600

/* The address that the two bytes stand for. */
static inline void input_address(uint8_t kind, uint8_t host, uint8_t ret_ip[16])
{
	static const uint8_t prefixes[2][4][16] = {
		{ { [10] = 0xff, 0xff, 198, 18, 0 },
		  { [10] = 0xff, 0xff, 198, 18, 1 },
		  { [10] = 0xff, 0xff, 10, 0, 10 },
		  { [10] = 0xff, 0xff, 255, 255, 255 } },
		{ { 0x20, 1, 0x0d, 0xb8 },
		  { 0x20, 1, 0x0d, 0xb8, [12] = 0xff },
		  { 0xfe, 0x80 },
		  { 0x20, 1, 0x0d, 0xb8, 0, 1, [13] = 0xff, 0xff } },
	};
	const uint8_t *prefix = prefixes[!!(kind & INPUT_V6)][(kind & INPUT_PREFIX) >> 1];

	for (int i = 0; i < 16; i++)
		ret_ip[i] = prefix[i];
	ret_ip[15] = host;
}

/* Which lease address @i has. */
static inline enum input_lease input_lease(const struct input *input, int i)
{
	return input->leases >> 2 * i & 3;
}

#define INPUT_DEVICE_OF(i) (7 + (i)) /* the attached one, and its VLAN devices */

#define INPUT_MAC	0x02, 0x00, 0x00, 0x00, 0x00, 0x0a
#define INPUT_OTHER_MAC 0x00, 0x00, 0x5e, 0x00, 0x01, 0x07

/* The MAC that an address of @kind is answered with. */
const uint8_t *input_mac(uint8_t kind);

/* What @input says that the responder was told; an element that was reused isn't there. */
void input_told(const struct input *input, struct reference *ret_told);

#endif
