// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Mutations that reach deep: whole requests for what the input says is owned, with its tags; fields
 * set to what matters; lengths and checksums made right again.
 */
#include <string.h>

#include "input.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

static uint64_t state;

static uint32_t below(uint32_t bound)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 16) % bound;
}

static const uint8_t macs[][6] = {
	{ INPUT_MAC },
	{ INPUT_OTHER_MAC },
	{ 0x02, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5 },
	{ 0x02, 0xee, 0xee, 0xee, 0xee, 0xee },
	{ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
	{ 0x33, 0x33, 0xff, 0, 0, 1 },
	{ 0x33, 0x33, 0, 0, 0, 1 },
	{ 0 },
};

#define MAC_OF_SENDERS 2 /* of @macs: from here */

static const uint8_t special4[][4] = {
	{ 0, 0, 0, 0 },	  { 127, 0, 0, 1 }, { 223, 255, 255, 255 }, { 224, 0, 0, 1 },
	{ 240, 0, 0, 1 }, { 239, 1, 2, 3 }, { 255, 255, 255, 255 }, { 198, 18, 0, 1 },
};

static const uint8_t special6[][16] = {
	{ 0 },
	{ [15] = 1 },
	{ 0xff, 2, [15] = 1 },
	{ 0xff, 2, [11] = 1, 0xff, 0, 0, 1 },
	{ 0xff, 2, [11] = 1, 0xfe, 0, 0, 1 },
	{ 0x20, 1, 0x0d, 0xb8, [15] = 1 },
	{ 0xfe, 0x80, [15] = 1 },
};

static void any_mac(uint8_t *at)
{
	memcpy(at, macs[below(sizeof(macs) / sizeof(macs[0]))], 6);
}

/* One of the input's addresses of the family, or a special one. */
static void any_ip(const struct input *input, bool v6, uint8_t *at)
{
	uint8_t ip[16];
	uint32_t i = below(2 * INPUT_ADDRESSES);

	if (i < INPUT_ADDRESSES && v6 == (input->address[i].kind & INPUT_V6)) {
		input_address(input->address[i].kind, input->address[i].host, ip);
		memcpy(at, v6 ? ip : ip + 12, v6 ? 16 : 4);
	} else if (v6) {
		memcpy(at, special6[below(sizeof(special6) / sizeof(special6[0]))], 16);
	} else {
		memcpy(at, special4[below(sizeof(special4) / sizeof(special4[0]))], 4);
	}
}

/* Behind the tags; 0 where the frame ends in them. */
static size_t payload_of(const uint8_t *frame, size_t length)
{
	size_t at = 14;

	while (at + 4 <= length && (frame[at - 2] == 0x81 || frame[at - 2] == 0x88) && at < 22)
		at += 4;
	return at <= length ? at : 0;
}

static uint16_t sum_of(const uint8_t *ip, size_t length)
{
	uint32_t sum = length + 58;

	for (size_t i = 8; i < 40; i += 2)
		sum += ip[i] << 8 | ip[i + 1];
	for (size_t i = 0; i < length; i++)
		sum += i & 1 ? ip[40 + i] : ip[40 + i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* Makes an IPv6 packet's length, now and then, and checksum right. */
static void repair(uint8_t *frame, size_t length)
{
	size_t at = payload_of(frame, length), body;
	uint8_t *ip = frame + at;
	uint16_t sum;

	if (!at || length < at + 44 || ip[-2] != 0x86 || ip[-1] != 0xdd)
		return;
	if (below(2)) {
		body = (length - at - 40) & ~(below(8) ? 7UL : 0);
		ip[4] = body >> 8;
		ip[5] = body;
	}
	body = ip[4] << 8 | ip[5];
	if (body < 4 || body > length - at - 40)
		return;
	ip[42] = ip[43] = 0;
	sum = sum_of(ip, body);
	ip[42] = sum >> 8;
	ip[43] = sum;
}

/* The tags that lead to @device, inner ones found first. Returns their length. */
static size_t tags_make(const struct reference *told, uint32_t device, uint8_t *at)
{
	uint8_t tags[2][4];
	size_t count = 0;

	if (!below(4)) { /* a priority tag, which changes nothing */
		memcpy(tags[count++], (uint8_t[]){ 0x81, 0, 0xe0, 0 }, 4);
	}
	while (device != told->device && count < 2) {
		size_t i = 0;

		while (i < told->vlans && told->vlan[i].device != device)
			i++;
		if (i == told->vlans)
			break;
		tags[count][0] = told->vlan[i].protocol >> 8;
		tags[count][1] = told->vlan[i].protocol;
		tags[count][2] = below(8) << 5 | told->vlan[i].vid >> 8;
		tags[count++][3] = told->vlan[i].vid;
		device = told->vlan[i].parent;
	}
	for (size_t i = 0; i < count; i++)
		memcpy(at + 4 * i, tags[count - 1 - i], 4);
	return 4 * count;
}

static size_t arp_make(const struct reference_address *address, uint8_t *arp)
{
	static const uint8_t head[] = { 0, 1, 8, 0, 6, 4, 0, 1 };

	memcpy(arp, head, sizeof(head));
	memcpy(arp + 8, macs[MAC_OF_SENDERS], 6);
	memcpy(arp + 14, special4[7], 4);
	memset(arp + 18, 0, 6);
	memcpy(arp + 24, address->ip + 12, 4);
	if (!below(4)) /* an announcement */
		memcpy(arp + 14, arp + 24, 4);
	if (!below(4))
		arp[7] = 2;
	return 28;
}

static size_t nd_make(const struct reference_address *address, uint8_t *ip)
{
	static const uint8_t head[] = { 0x60, 0, 0, 0, 0, 32, 58, 255 };
	static const uint8_t nonce[] = { 14, 1, 1, 2, 3, 4, 5, 6 };
	uint8_t *option = ip + 64;
	bool probe = !below(3);

	memcpy(ip, head, sizeof(head));
	memcpy(ip + 8, special6[probe ? 0 : 5], 16);
	memcpy(ip + 24, special6[3], 13);
	memcpy(ip + 37, address->ip + 13, 3);
	if (!probe && below(2))
		memcpy(ip + 24, address->ip, 16);
	memset(ip + 40, 0, 24);
	ip[40] = below(4) ? 135 : 136;
	memcpy(ip + 48, address->ip, 16);
	for (uint32_t options = below(4); options; options--, option += 8) {
		memcpy(option, nonce, 8);
		if (probe || !below(2))
			continue;
		option[0] = ip[40] - 134;
		memcpy(option + 2, macs[MAC_OF_SENDERS], 6);
	}
	ip[5] = option - ip - 40;
	return option - ip;
}

/* A message about one of the input's addresses. Returns the frame's length. */
static size_t frame_make(const struct input *input, uint8_t *frame)
{
	const struct reference_address *address;
	struct reference told;
	size_t at = 12;
	bool v4;

	input_told(input, &told);
	if (!told.addresses)
		return 0;
	address = &told.address[below(told.addresses)];
	v4 = !address->ip[0];
	memcpy(frame, below(3) ? macs[v4 ? 4 : 5] : address->mac, 6);
	memcpy(frame + 6, macs[MAC_OF_SENDERS], 6);
	at += tags_make(&told, address->device, frame + at);
	frame[at++] = v4 ? 0x08 : 0x86;
	frame[at++] = v4 ? 0x06 : 0xdd;
	return at + (v4 ? arp_make(address, frame + at) : nd_make(address, frame + at));
}

/* Something that matters into a field that does. */
static void field_set(const struct input *input, uint8_t *frame, size_t length)
{
	size_t at = payload_of(frame, length);
	uint8_t *packet = frame + at;

	if (!at || length < at + 28 || !below(4)) {
		any_mac(frame + 6UL * below(2));
	} else if (packet[-2] == 0x08) {
		switch (below(5)) {
		case 0:
			packet[below(8)] = below(12);
			break;
		case 1:
			any_mac(packet + 8);
			break;
		case 2:
			memcpy(packet + 14, packet + 24, 4);
			break;
		default:
			any_ip(input, false, packet + (below(2) ? 14 : 24));
		}
	} else if (packet[-2] == 0x86 && length >= at + 64) {
		switch (below(6)) {
		case 0:
			packet[40] = 133 + below(5);
			break;
		case 1:
			packet[44] ^= 0x20 << below(3);
			break;
		case 2:
			if (length >= at + 72)
				any_mac(packet + 66);
			break;
		case 3:
			if (length >= at + 72)
				packet[64 + below(2)] = below(4);
			break;
		default:
			any_ip(input, true, packet + (uint8_t[]){ 8, 24, 48 }[below(3)]);
		}
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	struct input *input = (void *)data;
	size_t length, max = max_size - sizeof(*input), made = 0;

	state = seed * 0x9e3779b97f4a7c15ULL | 1;
	if (size < sizeof(*input) || max_size < sizeof(*input) + 128)
		return LLVMFuzzerMutate(data, size, max_size);
	length = size - sizeof(*input);
	switch (below(8)) {
	case 0:
		LLVMFuzzerMutate(data, sizeof(*input), sizeof(*input));
		break;
	case 1:
	case 2:
		made = frame_make(input, input->frame);
		break;
	case 3:
	case 4:
		made = LLVMFuzzerMutate(input->frame, length, max);
		break;
	default:
		if (length >= 14)
			field_set(input, input->frame, length);
	}
	length = made ?: length;
	if (below(8))
		repair(input->frame, length);
	return sizeof(*input) + length;
}
