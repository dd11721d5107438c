/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ARP for Ethernet and IPv4 (RFC 826, 5227): who gets an answer, and the answer. */
#ifndef XDP_L2RESP_ARP_BPF_H
#define XDP_L2RESP_ARP_BPF_H

#include <bpf/bpf_endian.h>

#include "wire.h"
#include "count.bpf.h"
#include "lease.bpf.h"
#include "mac.bpf.h"

/* hrd, pro, hln, pln: the first six bytes of an ARP packet for Ethernet and IPv4, as they lie in a
 * loaded word. */
#define ARP_FORMAT	0x0000040600080100ULL
#define ARP_WITH_OP(op) (ARP_FORMAT | (__u64)bpf_htons(op) << 48)

/* Addresses of a packet: MACs as words, IPv4 addresses in network byte order. */
struct arp_frame {
	void *eth;
	struct arp_packet *arp;
	__u64 destination;
	__u64 source;
	__u64 sha;
	__be32 spa;
	__be32 tpa;
	__u32 ifindex; /* of the device that the tags, if any, lead to */
};

/* RFC 1122 3.2.1.3: no host has a multicast, loopback or limited broadcast address. 0.0.0.0 probes
 * (RFC 5227). */
static __always_inline bool arp_sender_ip_valid(__be32 spa)
{
	__u32 host = bpf_ntohl(spa);

	return host >> 28 != 0xe && host >> 24 != 127 && host != 0xffffffff;
}

/*
 * The entry of @ip4 while it may answer, or NULL; its MAC in @ret_mac. Should the element be freed
 * and given to another address meanwhile, the address that it carries says so. The kernel fills an
 * element from its start, so the word is read before the address behind it.
 */
static __always_inline struct responder_v4_entry *arp_owned(__be32 ip4, __u32 ifindex,
							    __u64 *ret_mac, bool *ret_lapsed)
{
	struct responder_v4_key key = { .ip4 = ip4, .ifindex = ifindex };
	struct responder_v4_entry *entry = bpf_map_lookup_elem(&responder_v4, &key);
	__u64 word;

	if (!entry)
		return NULL;
	word = *(volatile __u64 *)&entry->head;
	if (*(volatile __be32 *)&entry->ip4 != ip4)
		return NULL;
	*ret_mac = word & MAC_MASK;
	if (!lease_valid(word >> 56)) {
		*ret_lapsed = true;
		return NULL;
	}
	return entry;
}

/* A frame that isn't answered: does its sender use an address of ours (RFC 5227 2.4)? Otherwise it
 * is @outcome. */
static __always_inline int arp_silent(const struct arp_frame *frame, enum outcome outcome)
{
	bool lapsed = false;
	__u64 mac;

	if (frame->spa && arp_owned(frame->spa, frame->ifindex, &mac, &lapsed)) {
		if (frame->sha == mac || frame->source == mac) {
			outcome = OUTCOME_ARP_OWN_MAC;
		} else {
			outcome = OUTCOME_ARP_CONFLICT;
			count_conflict_v4(frame->spa, frame->ifindex, frame->sha);
		}
	}
	count_outcome(outcome);
	return XDP_PASS;
}

/* Turns the request into the reply where it lies. What follows the ARP packet stays as the
 * requester sent it. */
static __always_inline int arp_reply(const struct arp_frame *frame, __u64 mac)
{
	struct arp_packet *arp = frame->arp;
	/* the EtherType, or the first tag's protocol: the bytes behind the source stay */
	__u16 type = word_load(frame->eth + ETH_ALEN) >> 48;

	mac_store(frame->eth, frame->sha, 0); /* the tail is overwritten by the next store */
	mac_store(frame->eth + ETH_ALEN, mac, type);
	arp->op = bpf_htons(ARP_OP_REPLY);
	mac_store(arp->sha, mac, (__u16)frame->tpa);
	*(__be32 *)arp->spa = frame->tpa;
	mac_store(arp->tha, frame->sha, (__u16)frame->spa);
	*(__be32 *)arp->tpa = frame->spa;
	return XDP_TX;
}

static __always_inline int arp_request(const struct arp_frame *frame)
{
	struct responder_v4_entry *entry;
	bool lapsed = false;
	__u64 mac;

	entry = arp_owned(frame->tpa, frame->ifindex, &mac, &lapsed);
	if (!entry)
		return arp_silent(frame, lapsed ? OUTCOME_ARP_LEASE_OVER : OUTCOME_ARP_NOT_OWNED);
	if (frame->sha == mac || frame->source == mac) {
		count_outcome(OUTCOME_ARP_OWN_MAC);
		return XDP_PASS;
	}
	if (frame->spa == frame->tpa) {
		count_conflict_v4(frame->tpa, frame->ifindex, frame->sha);
		count_outcome(OUTCOME_ARP_CONFLICT);
		return XDP_PASS;
	}
	if (frame->destination != MAC_BROADCAST && frame->destination != mac) {
		count_outcome(OUTCOME_ARP_OTHER_DESTINATION);
		return XDP_PASS;
	}
	if (frame->sha != frame->source)
		count_outcome(OUTCOME_ARP_SHA_MISMATCH);
	count_outcome(OUTCOME_ARP_ANSWERED);
	count_response(entry);
	return arp_reply(frame, mac);
}

/*
 * @eth: the Ethernet header; @arp: what follows it and its tags, up to @end. @ifindex: the device
 * that owns the addresses asked for. XDP_TX with the reply in place, or XDP_PASS with the frame
 * untouched.
 */
static __always_inline int arp_frame(void *eth, struct arp_packet *arp, void *end, __u32 ifindex)
{
	struct arp_frame frame = { .eth = eth, .arp = arp, .ifindex = ifindex };
	enum outcome outcome;
	__u64 format;

	if ((void *)(arp + 1) > end) {
		count_outcome(OUTCOME_ARP_TRUNCATED);
		return XDP_PASS;
	}
	format = word_load(arp);
	frame.destination = mac_load(eth);
	frame.source = mac_load(eth + ETH_ALEN);
	frame.sha = mac_load(arp->sha);
	frame.spa = *(__be32 *)arp->spa;
	frame.tpa = *(__be32 *)arp->tpa;

	if ((format & MAC_MASK) != ARP_FORMAT)
		outcome = OUTCOME_ARP_BAD_FORMAT;
	else if (!mac_is_host(frame.sha) || !mac_is_host(frame.source))
		outcome = OUTCOME_ARP_BAD_SENDER_MAC;
	else if (!arp_sender_ip_valid(frame.spa))
		outcome = OUTCOME_ARP_BAD_SENDER_IP;
	else if (format == ARP_WITH_OP(ARP_OP_REQUEST))
		return arp_request(&frame);
	else if (format == ARP_WITH_OP(ARP_OP_REPLY))
		return arp_silent(&frame, OUTCOME_ARP_NOT_REQUEST);
	else
		outcome = OUTCOME_ARP_NOT_REQUEST;
	count_outcome(outcome);
	return XDP_PASS;
}

#endif
