/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The outcomes of frames in the data path. The enum, the JSON names, the manual's table and the
 * metrics are generated from this list. A name is part of the CLI contract; append new outcomes at
 * the end of their family.
 *
 * Each ARP frame, neighbour solicitation and advertisement is counted in exactly one outcome,
 * except that arp_sha_mismatch is counted besides arp_answered.
 */
#ifndef XDP_L2RESP_OUTCOMES_H
#define XDP_L2RESP_OUTCOMES_H

#define OUTCOMES(X)                                                                               \
	X(ARP_ANSWERED, arp_answered, "request for an owned address, answered with XDP_TX")       \
	X(ARP_SHA_MISMATCH, arp_sha_mismatch,                                                     \
	  "answered to the sender hardware address, which differs from the Ethernet source")      \
	X(ARP_NOT_OWNED, arp_not_owned, "request for an address that has no entry here")          \
	X(ARP_LEASE_OVER, arp_lease_over, "request for an address whose lease has run out")       \
	X(ARP_CONFLICT, arp_conflict, "another host uses or announces an owned address")          \
	X(ARP_OWN_MAC, arp_own_mac, "sent by our own MAC: a loop, or our announcement come back") \
	X(ARP_NOT_REQUEST, arp_not_request, "a reply, or another operation than a request")       \
	X(ARP_OTHER_DESTINATION, arp_other_destination,                                           \
	  "sent to a multicast group or to the unicast MAC of another host")                      \
	X(ARP_BAD_SENDER_MAC, arp_bad_sender_mac,                                                 \
	  "sender hardware address or Ethernet source is multicast or zero")                      \
	X(ARP_BAD_SENDER_IP, arp_bad_sender_ip,                                                   \
	  "sender protocol address is multicast, loopback or broadcast")                          \
	X(ARP_BAD_FORMAT, arp_bad_format, "hardware or protocol type not Ethernet and IPv4")      \
	X(ARP_TRUNCATED, arp_truncated, "frame ends before the ARP packet does")                  \
	X(ARP_OTHER_VLAN, arp_other_vlan, "tagged for a VLAN that no address was added on")       \
	X(ND_ANSWERED, nd_answered, "solicitation of an owned address, answered with XDP_TX")     \
	X(ND_NOT_OWNED, nd_not_owned, "solicitation of an address that has no entry here")        \
	X(ND_LEASE_OVER, nd_lease_over, "solicitation of an address whose lease has run out")     \
	X(ND_CONFLICT, nd_conflict, "another host uses or advertises an owned address")           \
	X(ND_OWN_MAC, nd_own_mac, "sent by our own MAC: a loop, or our announcement come back")   \
	X(ND_NOT_SOLICITATION, nd_not_solicitation,                                               \
	  "an advertisement for an address that has no entry here")                               \
	X(ND_OTHER_DESTINATION, nd_other_destination, "sent to the unicast MAC of another host")  \
	X(ND_BAD_SENDER_MAC, nd_bad_sender_mac,                                                   \
	  "source link-layer address or Ethernet source is multicast or zero")                    \
	X(ND_BAD_SENDER_IP, nd_bad_sender_ip, "source address is multicast or loopback")          \
	X(ND_BAD_HOP_LIMIT, nd_bad_hop_limit, "hop limit below 255: it came through a router")    \
	X(ND_BAD_CHECKSUM, nd_bad_checksum, "ICMPv6 checksum is wrong")                           \
	X(ND_BAD_FORMAT, nd_bad_format,                                                           \
	  "code, target, length or an option's length that RFC 4861 rules out")                   \
	X(ND_BAD_PROBE, nd_bad_probe,                                                             \
	  "from ::, but not to a solicited-node group and its MAC, or with a source link-layer "  \
	  "address")                                                                              \
	X(ND_NO_LINK_LAYER_ADDRESS, nd_no_link_layer_address,                                     \
	  "multicast solicitation without a source link-layer address to answer to")              \
	X(ND_TOO_LONG, nd_too_long, "ICMPv6 message of over 256 bytes")                           \
	X(ND_TRUNCATED, nd_truncated, "frame ends before the ICMPv6 message does")                \
	X(ND_OTHER_VLAN, nd_other_vlan, "tagged for a VLAN that no address was added on")         \
	X(ND_TRAILER, nd_trailer, "solicitation with over 64 bytes behind it")                    \
	X(ND_EXTENSION_HEADERS, nd_extension_headers, "behind IPv6 extension headers")

enum outcome {
#define OUTCOME_ENUM(id, name, text) OUTCOME_##id,
	OUTCOMES(OUTCOME_ENUM)
#undef OUTCOME_ENUM
		OUTCOME_COUNT,
};

static inline _Bool outcome_is_answer(enum outcome outcome)
{
	return outcome == OUTCOME_ARP_ANSWERED || outcome == OUTCOME_ND_ANSWERED;
}

#endif
