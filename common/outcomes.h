/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the data plane did with a frame. This list is the only one: it yields the enum, the JSON
 * names, the manual's table and the metrics. A name is part of the CLI contract; append new
 * outcomes at the end of their family.
 *
 * Each ARP frame moves exactly one outcome; arp_sha_mismatch is counted besides arp_answered.
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
	X(ARP_TRUNCATED, arp_truncated, "frame ends before the ARP packet does")

enum outcome {
#define OUTCOME_ENUM(id, name, text) OUTCOME_##id,
	OUTCOMES(OUTCOME_ENUM)
#undef OUTCOME_ENUM
		OUTCOME_COUNT,
};

#endif
