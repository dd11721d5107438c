// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "decode.h"

static const uint8_t no_mac[ETH_ALEN];

/* The part of a frame that isn't decoded yet. */
struct cursor {
	const uint8_t *at;
	size_t captured;
};

/* Copies the next @size bytes and skips them. Returns false if fewer are left. */
static bool cursor_read(struct cursor *cursor, void *to, size_t size)
{
	if (cursor->captured < size)
		return false;
	memcpy(to, cursor->at, size);
	cursor->at += size;
	cursor->captured -= size;
	return true;
}

static void decode_tags(struct cursor *cursor, struct decoded *decoded)
{
	struct vlan_tag tag;

	decoded->type = ntohs(decoded->eth.h_proto);
	while ((decoded->type == ETH_P_8021Q || decoded->type == ETH_P_8021AD) &&
	       decoded->tags < DECODE_MAX_TAGS && cursor_read(cursor, &tag, sizeof(tag))) {
		decoded->tag[decoded->tags++] =
			(struct decode_tag){ decoded->type, ntohs(tag.tci) };
		decoded->type = ntohs(tag.type);
	}
}

/* Reads the options (RFC 4861 4.6) up to the link-layer address option of the message's type. */
static void decode_options(struct cursor *cursor, struct decode_nd *nd)
{
	uint8_t wanted = nd->message.type == ND_SOLICITATION ? ND_OPTION_SOURCE : ND_OPTION_TARGET;
	struct nd_option option;

	while (cursor_read(cursor, &option, sizeof(option)) && option.length) {
		size_t more = (option.length - 1) * sizeof(option);

		if (option.type == wanted && !more) {
			nd->has_mac = true;
			memcpy(nd->mac, option.mac, sizeof(nd->mac));
			return;
		}
		if (more > cursor->captured)
			return;
		cursor->at += more;
		cursor->captured -= more;
	}
}

static void decode_ip6(struct cursor *cursor, struct decoded *decoded)
{
	size_t payload;

	if (!cursor_read(cursor, &decoded->nd.ip, sizeof(decoded->nd.ip)) ||
	    decoded->nd.ip.nexthdr != IPPROTO_ICMPV6 || !cursor->captured ||
	    (*cursor->at != ND_SOLICITATION && *cursor->at != ND_ADVERTISEMENT))
		return;
	decoded->kind = DECODE_ND;
	/* bytes after the message are padding */
	payload = ntohs(decoded->nd.ip.payload_len);
	if (cursor->captured > payload)
		cursor->captured = payload;
	if (cursor_read(cursor, &decoded->nd.message, sizeof(decoded->nd.message)))
		decode_options(cursor, &decoded->nd);
	else
		decoded->truncated = true;
}

int decode_frame(const void *bytes, size_t captured, size_t length, struct decoded *ret_decoded)
{
	struct cursor cursor = { bytes, captured };
	struct decoded decoded = {};

	if (length < captured || !cursor_read(&cursor, &decoded.eth, sizeof(decoded.eth)))
		return -EINVAL;
	decode_tags(&cursor, &decoded);
	decoded.length = length - (captured - cursor.captured);
	if (decoded.type == ETH_P_ARP) {
		decoded.kind = DECODE_ARP;
		decoded.truncated = !cursor_read(&cursor, &decoded.arp, sizeof(decoded.arp));
	} else if (decoded.type == ETH_P_IPV6) {
		decode_ip6(&cursor, &decoded);
	}
	*ret_decoded = decoded;
	return 0;
}

/* Is an ARP packet for IPv4 and Ethernet? Of others only the header is decoded. */
static bool arp_is_usual(const struct decoded *decoded)
{
	const struct arp_packet *arp = &decoded->arp;

	return arp->hrd == htons(1) && arp->pro == htons(ETH_P_IP) && arp->hln == ETH_ALEN &&
	       arp->pln == sizeof(arp->spa);
}

static bool knows_addresses(const struct decoded *decoded)
{
	return decoded->kind != DECODE_OTHER && !decoded->truncated &&
	       (decoded->kind != DECODE_ARP || arp_is_usual(decoded));
}

/* Converts 16 bytes, an IPv6 address in network order. */
static struct address address_from_v6(const void *bytes)
{
	struct address address;

	memcpy(address.bytes, bytes, sizeof(address.bytes));
	return address;
}

/* Reads the frame's sender and target addresses; returns their number. */
static size_t addresses_of(const struct decoded *decoded, struct address ret_addresses[3])
{
	if (!knows_addresses(decoded))
		return 0;
	if (decoded->kind == DECODE_ARP) {
		ret_addresses[0] = address_from_v4(decoded->arp.spa);
		ret_addresses[1] = address_from_v4(decoded->arp.tpa);
		return 2;
	}
	ret_addresses[0] = address_from_v6(&decoded->nd.ip.saddr);
	ret_addresses[1] = address_from_v6(&decoded->nd.ip.daddr);
	ret_addresses[2] = address_from_v6(decoded->nd.message.target);
	return 3;
}

bool decode_mentions(const struct decoded *decoded, const struct address *address)
{
	struct address addresses[3];
	size_t count = addresses_of(decoded, addresses);

	for (size_t i = 0; i < count; i++)
		if (!address_compare(&addresses[i], address))
			return true;
	return false;
}

bool decode_sender(const struct decoded *decoded, struct address *ret_address,
		   uint8_t ret_mac[ETH_ALEN])
{
	const struct decode_nd *nd = &decoded->nd;
	bool advertised = nd->message.type == ND_ADVERTISEMENT;

	if (!knows_addresses(decoded))
		return false;
	if (decoded->kind == DECODE_ARP) {
		*ret_address = address_from_v4(decoded->arp.spa);
		memcpy(ret_mac, decoded->arp.sha, ETH_ALEN);
		return true;
	}
	*ret_address = address_from_v6(advertised ? (const void *)nd->message.target
						  : (const void *)&nd->ip.saddr);
	memcpy(ret_mac, nd->has_mac ? nd->mac : decoded->eth.h_source, ETH_ALEN);
	return true;
}

static char *ip4_text(const uint8_t ip4[4], char text[INET6_ADDRSTRLEN])
{
	const struct address address = address_from_v4(ip4);

	return address_format(&address, text);
}

/* Returns the name of an ARP operation, or NULL. */
static const char *arp_op_name(uint16_t op)
{
	static const char *const names[] = {
		[ARP_OP_REQUEST] = "request", [ARP_OP_REPLY] = "reply"
	};

	return op < sizeof(names) / sizeof(names[0]) ? names[op] : NULL;
}

static void arp_print(const struct decoded *decoded, FILE *to)
{
	const struct arp_packet *arp = &decoded->arp;
	char spa[INET6_ADDRSTRLEN], tpa[INET6_ADDRSTRLEN], mac[MAC_TEXT_SIZE];
	uint16_t op = ntohs(arp->op);

	fputs("ARP, ", to);
	if (!arp_is_usual(decoded)) {
		fprintf(to, "hardware type %u (len %u), protocol 0x%04x (len %u), operation %u",
			ntohs(arp->hrd), arp->hln, ntohs(arp->pro), arp->pln, op);
		return;
	}
	ip4_text(arp->spa, spa);
	ip4_text(arp->tpa, tpa);
	if (op == ARP_OP_REPLY) {
		fprintf(to, "Reply %s is-at %s", spa, mac_format(arp->sha, mac));
	} else if (op == ARP_OP_REQUEST) {
		fprintf(to, "Request who-has %s", tpa);
		if (memcmp(arp->tha, no_mac, ETH_ALEN) != 0)
			fprintf(to, " (%s)", mac_format(arp->tha, mac));
		fprintf(to, " tell %s", spa);
	} else {
		fprintf(to, "operation %u, %s to %s", op, spa, tpa);
	}
}

static void nd_print(const struct decode_nd *nd, FILE *to)
{
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN], target[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, &nd->ip.saddr, src, sizeof(src));
	inet_ntop(AF_INET6, &nd->ip.daddr, dst, sizeof(dst));
	inet_ntop(AF_INET6, nd->message.target, target, sizeof(target));
	fprintf(to, "IP6 %s > %s: ICMP6, neighbor %s %s", src, dst,
		nd->message.type == ND_SOLICITATION ? "solicitation, who has"
						    : "advertisement, tgt is",
		target);
}

void decode_print(const struct decoded *decoded, FILE *to)
{
	uint32_t length = decoded->length;

	for (unsigned int i = 0; i < decoded->tags; i++)
		fprintf(to, "%svlan %u, p %u, ",
			decoded->tag[i].protocol == ETH_P_8021AD ? "802.1ad " : "",
			decoded->tag[i].tci & VLAN_TCI_VID, decoded->tag[i].tci >> 13);
	if (decoded->kind == DECODE_OTHER) {
		fprintf(to, "ethertype 0x%04x", decoded->type);
	} else if (decoded->truncated) {
		fprintf(to, "%s, truncated",
			decoded->kind == DECODE_ARP ? "ARP" : "IP6, ICMP6 neighbor");
	} else if (decoded->kind == DECODE_ARP) {
		arp_print(decoded, to);
	} else {
		nd_print(&decoded->nd, to);
		length = ntohs(decoded->nd.ip.payload_len);
	}
	fprintf(to, ", length %u", length);
}

static json_t *mac_json(const uint8_t mac[ETH_ALEN])
{
	char text[MAC_TEXT_SIZE];

	return json_string(mac_format(mac, text));
}

static json_t *ip4_json(const uint8_t ip4[4])
{
	char text[INET6_ADDRSTRLEN];

	return json_string(ip4_text(ip4, text));
}

static json_t *ip6_json(const void *ip6)
{
	char text[INET6_ADDRSTRLEN];

	return json_string(inet_ntop(AF_INET6, ip6, text, sizeof(text)));
}

/* null, a VID, or [outer, inner], as in list. */
static json_t *vlan_json(const struct decoded *decoded)
{
	json_t *vids = json_array(), *only;

	for (unsigned int i = 0; i < decoded->tags; i++)
		json_array_append_new(vids, json_integer(decoded->tag[i].tci & VLAN_TCI_VID));
	if (decoded->tags > 1)
		return vids;
	only = decoded->tags ? json_incref(json_array_get(vids, 0)) : json_null();
	json_decref(vids);
	return only;
}

static json_t *arp_json(const struct arp_packet *arp)
{
	const char *name = arp_op_name(ntohs(arp->op));

	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "op",
			 name ? json_string(name) : json_integer(ntohs(arp->op)), "sha",
			 mac_json(arp->sha), "spa", ip4_json(arp->spa), "tha", mac_json(arp->tha),
			 "tpa", ip4_json(arp->tpa));
}

static json_t *nd_json(const struct decode_nd *nd)
{
	bool advertisement = nd->message.type == ND_ADVERTISEMENT;
	json_t *json =
		json_pack("{s:s, s:o, s:o, s:i, s:o, s:o}", "op",
			  advertisement ? "advertisement" : "solicitation", "src",
			  ip6_json(&nd->ip.saddr), "dst", ip6_json(&nd->ip.daddr), "hop_limit",
			  nd->ip.hop_limit, "target", ip6_json(nd->message.target), "mac",
			  nd->has_mac ? mac_json(nd->mac) : json_null());

	if (advertisement) {
		uint32_t flags = ntohl(nd->message.flags);

		json_object_set_new(json, "solicited", json_boolean(flags & ND_FLAG_SOLICITED));
		json_object_set_new(json, "override", json_boolean(flags & ND_FLAG_OVERRIDE));
	}
	return json;
}

json_t *decode_json(const struct decoded *decoded)
{
	static const char *const protocols[] = {
		[DECODE_OTHER] = "other", [DECODE_ARP] = "arp", [DECODE_ND] = "nd"
	};
	json_t *json = json_pack("{s:s, s:o, s:o, s:o, s:b}", "protocol", protocols[decoded->kind],
				 "eth_src", mac_json(decoded->eth.h_source), "eth_dst",
				 mac_json(decoded->eth.h_dest), "vlan", vlan_json(decoded),
				 "truncated", decoded->truncated);

	if (knows_addresses(decoded))
		json_object_update_new(json, decoded->kind == DECODE_ARP ? arp_json(&decoded->arp)
									 : nd_json(&decoded->nd));
	return json;
}
