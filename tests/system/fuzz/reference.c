// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "reference.h"

/* Offsets in an Ethernet frame, an ARP packet, an IPv6 packet with a solicitation in it. */
enum { ETH_DST = 0, ETH_SRC = 6, ETH_TYPE = 12 };
enum { ARP_OP = 6, ARP_SHA = 8, ARP_SPA = 14, ARP_THA = 18, ARP_TPA = 24, ARP_SIZE = 28 };
enum { IP6_LENGTH = 4, IP6_NEXT = 6, IP6_HOPS = 7, IP6_SRC = 8, IP6_DST = 24, IP6_SIZE = 40 };
enum { ND_CODE = 1, ND_SUM = 2, ND_FLAGS = 4, ND_TARGET = 8, ND_SIZE = 24 };

static const uint8_t zeros[16];
static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static unsigned int get16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

static void put16(uint8_t *at, unsigned int value)
{
	at[0] = value >> 8;
	at[1] = value;
}

static bool same(const uint8_t *a, const uint8_t *b, size_t size)
{
	return !memcmp(a, b, size);
}

static bool is_host_mac(const uint8_t *mac)
{
	return !(mac[0] & 1) && !same(mac, zeros, 6);
}

static const struct reference_address *owned(const struct reference *told, const uint8_t *ip,
					     uint32_t device)
{
	for (size_t i = 0; i < told->addresses; i++)
		if (told->address[i].device == device && same(told->address[i].ip, ip, 16))
			return &told->address[i];
	return NULL;
}

static const struct reference_address *owned4(const struct reference *told, const uint8_t *ip4,
					      uint32_t device)
{
	uint8_t ip[16] = { [10] = 0xff, 0xff, ip4[0], ip4[1], ip4[2], ip4[3] };

	return owned(told, ip, device);
}

/* As IPv6 has it on the wire: one in the form of a mapped address is no IPv4 address. */
static const struct reference_address *owned6(const struct reference *told, const uint8_t *ip,
					      uint32_t device)
{
	static const uint8_t mapped[12] = { [10] = 0xff, 0xff };

	return same(ip, mapped, sizeof(mapped)) ? NULL : owned(told, ip, device);
}

static struct reference_result silence(enum outcome outcome)
{
	return (struct reference_result){ .outcome = outcome };
}

/* @user, if it is an address of ours, is said to be at @mac. */
static struct reference_result used_by(const struct reference_address *user, const uint8_t *mac,
				       enum outcome conflict, enum outcome own,
				       enum outcome otherwise)
{
	struct reference_result result = { .outcome = conflict, .conflict = user };

	if (!user || user->lapsed)
		return silence(otherwise);
	if (same(mac, user->mac, 6))
		return silence(own);
	memcpy(result.conflict_mac, mac, 6);
	return result;
}

/* RFC 5227 2.4 */
static struct reference_result arp_used(const uint8_t *arp, const struct reference_address *user,
					enum outcome otherwise)
{
	return used_by(user, arp + ARP_SHA, OUTCOME_ARP_CONFLICT, OUTCOME_ARP_OWN_MAC, otherwise);
}

/* What is wrong with a sender that asks or answers; OUTCOME_COUNT: nothing. */
static enum outcome arp_sender(const uint8_t *eth, const uint8_t *arp)
{
	const uint8_t *spa = arp + ARP_SPA;

	if (!is_host_mac(arp + ARP_SHA) || !is_host_mac(eth + ETH_SRC))
		return OUTCOME_ARP_BAD_SENDER_MAC;
	/* RFC 1122 3.2.1.3 */
	if (spa[0] == 127 || (spa[0] >= 224 && spa[0] <= 239) || same(spa, broadcast, 4))
		return OUTCOME_ARP_BAD_SENDER_IP;
	return OUTCOME_COUNT;
}

static struct reference_result arp_respond(const struct reference *told, uint8_t *eth, uint8_t *arp,
					   uint32_t device)
{
	static const uint8_t ip4[] = { 8, 0, 6, 4 };
	unsigned int hardware = get16(arp), op = get16(arp + ARP_OP);
	uint8_t *sha = arp + ARP_SHA, *spa = arp + ARP_SPA, *tha = arp + ARP_THA,
		*tpa = arp + ARP_TPA, asked[4];
	const struct reference_address *sender = owned4(told, spa, device);
	const struct reference_address *target = owned4(told, tpa, device);
	struct reference_result result = { .outcome = OUTCOME_ARP_ANSWERED, .answered = target };
	enum outcome wrong = arp_sender(eth, arp);

	/* hosts take IEEE 802's hardware type for Ethernet's, so what it says may be a conflict */
	if ((hardware != 1 && hardware != 6) || !same(arp + 2, ip4, sizeof(ip4)))
		return silence(OUTCOME_ARP_BAD_FORMAT);
	if (hardware == 6)
		wrong = OUTCOME_ARP_BAD_FORMAT;
	else if (op != 1 && wrong == OUTCOME_COUNT)
		wrong = OUTCOME_ARP_NOT_REQUEST;
	if (op != 1 && op != 2)
		return silence(wrong);
	if (wrong != OUTCOME_COUNT)
		return arp_used(arp, sender, wrong);
	if (!target)
		return arp_used(arp, sender, OUTCOME_ARP_NOT_OWNED);
	if (target->lapsed)
		return arp_used(arp, sender, OUTCOME_ARP_LEASE_OVER);
	if (same(sha, target->mac, 6))
		return silence(OUTCOME_ARP_OWN_MAC);
	if (same(eth + ETH_SRC, target->mac, 6))
		return arp_used(arp, sender, OUTCOME_ARP_OWN_MAC);
	if (same(spa, tpa, 4))
		return arp_used(arp, target, OUTCOME_COUNT);
	if (!same(eth + ETH_DST, broadcast, 6) && !same(eth + ETH_DST, target->mac, 6))
		return arp_used(arp, sender, OUTCOME_ARP_OTHER_DESTINATION);
	result.sha_mismatch = !same(sha, eth + ETH_SRC, 6);
	/* RFC 826: swap the fields, put the hardware address in, the reply's operation, send it to
	 * the new target */
	memcpy(asked, tpa, 4);
	memcpy(tha, sha, 6);
	memcpy(tpa, spa, 4);
	memcpy(sha, target->mac, 6);
	memcpy(spa, asked, 4);
	put16(arp + ARP_OP, 2);
	memcpy(eth + ETH_DST, tha, 6);
	memcpy(eth + ETH_SRC, target->mac, 6);
	return result;
}

/* RFC 4443 2.3 over the pseudo header of RFC 8200 8.1; 0 where the right checksum is in place. */
static unsigned int icmp6_checksum(const uint8_t *ip, const uint8_t *message, size_t length)
{
	uint32_t sum = length + 58;

	for (size_t i = 0; i < 32; i += 2)
		sum += get16(ip + IP6_SRC + i);
	for (size_t i = 0; i + 1 < length; i += 2)
		sum += get16(message + i);
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

/* How far the program looks into what it never answers. */
#define OPTIONS_WALKED	  32
#define EXTENSIONS_WALKED 16

/*
 * RFC 4861 4.6, 7.1: false where an option's length can't be. *ret_mac: the MAC of the first
 * source link-layer address option of a solicitation, or target one of an advertisement, or NULL.
 * The other has no place in them, and is to be ignored.
 */
static bool nd_options(const uint8_t *message, size_t length, const uint8_t **ret_mac)
{
	*ret_mac = NULL;
	for (size_t at = ND_SIZE; at < length;) {
		size_t size = 8UL * message[at + 1];

		if (!size || at + size > length)
			return false;
		if (message[at] == (message[0] == 135 ? 1 : 2) && !*ret_mac) {
			/* RFC 2464 6: eight bytes on Ethernet */
			if (size != 8)
				return false;
			*ret_mac = message + at + 2;
		}
		at += size;
	}
	return true;
}

/* @mac: of nd_options(). */
static struct reference_result nd_used(const uint8_t *eth, const uint8_t *mac,
				       const struct reference_address *user, enum outcome otherwise)
{
	return used_by(user, mac ? mac : eth + ETH_SRC, OUTCOME_ND_CONFLICT, OUTCOME_ND_OWN_MAC,
		       otherwise);
}

/*
 * At @message, with @left bytes behind it that hosts may take for its own: what is never answered,
 * but may be a conflict. The first option of a kind counts, and what is wrong behind it doesn't.
 */
static struct reference_result nd_unanswered(const struct reference *told, const uint8_t *eth,
					     const uint8_t *ip, const uint8_t *message, size_t left,
					     uint32_t device, enum outcome otherwise)
{
	const uint8_t *mac = NULL;

	if (left < ND_SIZE)
		return silence(OUTCOME_ND_TRUNCATED);
	if (ip[IP6_HOPS] != 255)
		return silence(OUTCOME_ND_BAD_HOP_LIMIT);
	if (message[ND_CODE])
		return silence(OUTCOME_ND_BAD_FORMAT);
	for (size_t at = ND_SIZE, walked = 0;
	     walked < OPTIONS_WALKED && at + 8 <= left && message[at + 1];
	     at += 8UL * message[at + 1], walked++)
		if (message[at] == (message[0] == 135 ? 1 : 2)) {
			if (message[at + 1] == 1)
				mac = message + at + 2;
			break;
		}
	return nd_used(eth, mac,
		       owned6(told, message[0] == 135 ? ip + IP6_SRC : message + ND_TARGET, device),
		       otherwise);
}

/* RFC 4861 7.2.4: the advertisement, with the option if there is room for it. */
static void nd_advertise(const struct reference_address *target, uint8_t *eth, uint8_t *ip,
			 const uint8_t *source, size_t length)
{
	static const uint8_t all_nodes[16] = { 0xff, 2, [15] = 1 };
	static const uint8_t all_nodes_mac[6] = { 0x33, 0x33, 0, 0, 0, 1 };
	uint8_t *message = ip + IP6_SIZE;
	bool probe = same(ip + IP6_SRC, zeros, 16);
	size_t size = length > ND_SIZE ? ND_SIZE + 8 : ND_SIZE;

	if (probe)
		memcpy(eth + ETH_DST, all_nodes_mac, 6);
	else
		memcpy(eth + ETH_DST, source ? source : eth + ETH_SRC, 6);
	memcpy(eth + ETH_SRC, target->mac, 6);
	put16(ip + IP6_LENGTH, size);
	memcpy(ip + IP6_DST, probe ? all_nodes : ip + IP6_SRC, 16);
	memcpy(ip + IP6_SRC, message + ND_TARGET, 16);
	message[0] = 136;
	memset(message + ND_FLAGS, 0, 4);
	message[ND_FLAGS] = (probe ? 0 : 0x40) | (target->no_override ? 0 : 0x20);
	if (size > ND_SIZE) {
		message[ND_SIZE] = 2;
		message[ND_SIZE + 1] = 1;
		memcpy(message + ND_SIZE + 2, target->mac, 6);
	}
	put16(message + ND_SUM, 0);
	put16(message + ND_SUM, icmp6_checksum(ip, message, size));
}

static struct reference_result ns_respond(const struct reference *told, uint8_t *eth, uint8_t *ip,
					  const uint8_t *source, size_t length, uint32_t device)
{
	static const uint8_t solicited_node[13] = { 0xff, 2, [11] = 1, 0xff };
	static const uint8_t loopback[16] = { [15] = 1 };
	const uint8_t *from = ip + IP6_SRC, *to = ip + IP6_DST, *asked = ip + IP6_SIZE + ND_TARGET;
	const struct reference_address *sender = owned6(told, from, device);
	const struct reference_address *target = owned6(told, asked, device);
	const uint8_t group[6] = { 0x33, 0x33, to[12], to[13], to[14], to[15] };

	if (!is_host_mac(eth + ETH_SRC) || (source && !is_host_mac(source)))
		return nd_used(eth, source, sender, OUTCOME_ND_BAD_SENDER_MAC);
	if (same(from, zeros, 16)) {
		if (source || !same(to, solicited_node, sizeof(solicited_node)) ||
		    !same(eth + ETH_DST, group, 6))
			return nd_used(eth, source, sender, OUTCOME_ND_BAD_PROBE);
	} else if (from[0] == 0xff || same(from, loopback, 16)) {
		return nd_used(eth, source, sender, OUTCOME_ND_BAD_SENDER_IP);
	} else if (to[0] == 0xff && !source) {
		return nd_used(eth, source, sender, OUTCOME_ND_NO_LINK_LAYER_ADDRESS);
	}
	if (!target)
		return nd_used(eth, source, sender, OUTCOME_ND_NOT_OWNED);
	if (target->lapsed)
		return nd_used(eth, source, sender, OUTCOME_ND_LEASE_OVER);
	if (same(eth + ETH_SRC, target->mac, 6) || (source && same(source, target->mac, 6)))
		return nd_used(eth, source, sender, OUTCOME_ND_OWN_MAC);
	if (same(from, asked, 16))
		return nd_used(eth, source, target, OUTCOME_COUNT);
	if ((!(eth[ETH_DST] & 1) && !same(eth + ETH_DST, target->mac, 6)) ||
	    (to[0] != 0xff && !same(to, asked, 16)))
		return nd_used(eth, source, sender, OUTCOME_ND_OTHER_DESTINATION);
	nd_advertise(target, eth, ip, source, length);
	return (struct reference_result){ .outcome = OUTCOME_ND_ANSWERED, .answered = target };
}

/* @left: bytes of the frame from @ip on; @behind: those that only helpers read. */
static struct reference_result nd_respond(const struct reference *told, uint8_t *eth, uint8_t *ip,
					  size_t left, size_t behind, uint32_t device)
{
	uint8_t *message = ip + IP6_SIZE;
	size_t length = get16(ip + IP6_LENGTH);
	const uint8_t *mac;

	if (left < IP6_SIZE + ND_SIZE)
		return silence(OUTCOME_ND_TRUNCATED);
	if (ip[IP6_HOPS] != 255)
		return silence(OUTCOME_ND_BAD_HOP_LIMIT);
	if (message[ND_CODE] || length < ND_SIZE || length % 8)
		return silence(OUTCOME_ND_BAD_FORMAT);
	if (length > 256)
		return nd_unanswered(told, eth, ip, message, left + behind - IP6_SIZE, device,
				     OUTCOME_ND_TOO_LONG);
	if (left < IP6_SIZE + length)
		return silence(OUTCOME_ND_TRUNCATED);
	if (icmp6_checksum(ip, message, length))
		return silence(OUTCOME_ND_BAD_CHECKSUM);
	if (!nd_options(message, length, &mac) || message[ND_TARGET] == 0xff)
		return silence(OUTCOME_ND_BAD_FORMAT);
	if (message[0] == 135 && left + behind > IP6_SIZE + length + 64)
		return nd_used(eth, mac, owned6(told, ip + IP6_SRC, device), OUTCOME_ND_TRAILER);
	if (message[0] == 135)
		return ns_respond(told, eth, ip, mac, length, device);
	if (ip[IP6_DST] == 0xff && message[ND_FLAGS] & 0x40)
		return silence(OUTCOME_ND_BAD_FORMAT);
	return nd_used(eth, mac, owned6(told, message + ND_TARGET, device),
		       is_host_mac(eth + ETH_SRC) && (!mac || is_host_mac(mac))
			       ? OUTCOME_ND_NOT_SOLICITATION
			       : OUTCOME_ND_BAD_SENDER_MAC);
}

/* Where a solicitation or an advertisement begins behind extension headers that a host steps over
 * (RFC 8200 4), of @left bytes of @ip; 0: nowhere. */
static size_t nd_behind_extensions(const uint8_t *ip, size_t left)
{
	unsigned int header = ip[IP6_NEXT];
	size_t at = IP6_SIZE, walked = 0;

	while (walked++ < EXTENSIONS_WALKED && (header == 0 || header == 43 || header == 60) &&
	       at + 4 <= left && !(header == 43 && ip[at + 3])) {
		header = ip[at];
		at += 8UL * (ip[at + 1] + 1);
	}
	return at > IP6_SIZE && header == 58 && at < left && (ip[at] == 135 || ip[at] == 136) ? at
											      : 0;
}

/* The device that a frame on @device with this tag is for; 0: none. */
static uint32_t vlan_device(const struct reference *told, uint32_t device, unsigned int protocol,
			    unsigned int vid)
{
	if (!vid || !device)
		return device;
	for (size_t i = 0; i < told->vlans; i++)
		if (told->vlan[i].parent == device && told->vlan[i].protocol == protocol &&
		    told->vlan[i].vid == vid)
			return told->vlan[i].device;
	return 0;
}

struct reference_result reference_respond(const struct reference *told, uint8_t *frame,
					  size_t length, size_t behind)
{
	uint32_t device = told->device;
	unsigned int type;
	size_t at = ETH_TYPE, message;
	uint8_t *packet;

	if (length < 14)
		return silence(OUTCOME_COUNT);
	type = get16(frame + at);
	for (int tags = 0; tags < 2 && (type == 0x8100 || type == 0x88a8); tags++) {
		if (length < at + 6)
			return silence(OUTCOME_COUNT);
		device = vlan_device(told, device, type, get16(frame + at + 2) & 0xfff);
		at += 4;
		type = get16(frame + at);
	}
	packet = frame + at + 2;
	length -= at + 2;
	if (type == 0x0806) {
		if (length < ARP_SIZE)
			return silence(OUTCOME_ARP_TRUNCATED);
		if (!device)
			return silence(OUTCOME_ARP_OTHER_VLAN);
		return arp_respond(told, frame, packet, device);
	}
	if (type != 0x86dd || length < IP6_SIZE || packet[0] >> 4 != 6)
		return silence(OUTCOME_COUNT);
	message = nd_behind_extensions(packet, length + behind);
	if (!message && (length == IP6_SIZE || packet[IP6_NEXT] != 58 ||
			 (packet[IP6_SIZE] != 135 && packet[IP6_SIZE] != 136)))
		return silence(OUTCOME_COUNT);
	if (!device)
		return silence(OUTCOME_ND_OTHER_VLAN);
	if (message)
		return nd_unanswered(told, frame, packet, packet + message,
				     length + behind - message, device,
				     OUTCOME_ND_EXTENSION_HEADERS);
	return nd_respond(told, frame, packet, length, behind, device);
}
