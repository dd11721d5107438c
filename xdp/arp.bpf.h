/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ARP for Ethernet and IPv4 (RFC 826, 5227): decides which requests are answered, and writes the
 * reply. Only the path to a reply is inlined; frames that stay silent go to functions that aren't.
 */
#ifndef XDP_L2RESP_ARP_BPF_H
#define XDP_L2RESP_ARP_BPF_H

#include <bpf/bpf_endian.h>

#include "wire.h"
#include "count.bpf.h"
#include "lease.bpf.h"
#include "mac.bpf.h"

/* The first eight bytes of a packet as a little-endian word: hrd 1, pro 0x0800, hln 6, pln 4; op is
 * zero. */
#define ARP_FORMAT	  0x0000040600080100ULL
#define ARP_FORMAT_MASK	  0x0000ffffffffffffULL
#define ARP_FORMAT_OP(op) (ARP_FORMAT | (__u64)bpf_htons(op) << 48)
/* With hrd 6, IEEE 802: never answered, but may be a conflict, since Linux accepts it. */
#define ARP_FORMAT_IEEE_802 0x0000040600080600ULL

/* RFC 1122 3.2.1.3: no host has a multicast, loopback or limited broadcast address. 0.0.0.0 probes
 * (RFC 5227). */
static __always_inline bool arp_sender_ip_valid(const __u8 *spa)
{
	/* volatile, or clang would extract it from the word behind sha */
	__u8 first = *(const volatile __u8 *)spa;

	return first != 127 && (first < 224 || (first >= 240 && ip4_load(spa) != 0xffffffff));
}

enum arp_ownership { ARP_OWNED, ARP_NOT_OWNED, ARP_LAPSED };

/*
 * Looks up @key. Sets *ret_entry and its MAC if the result is ARP_OWNED. Compares the key in the
 * element, which differs if the element was freed and reused meanwhile; see control_remove().
 */
static __always_inline enum arp_ownership arp_look_up(const struct responder_v4_key *key,
						      struct responder_v4_entry **ret_entry,
						      mac_t *ret_mac)
{
	struct responder_v4_entry *entry = bpf_map_lookup_elem(&responder_v4, key);
	__u64 word;

	if (!entry)
		return ARP_NOT_OWNED;
	word = *(volatile __u64 *)&entry->head;
	if (*(volatile __u64 *)key_after(&entry->key, word) != word_load(key))
		return ARP_NOT_OWNED;
	if (word >= HEAD_LEASED) {
		word = lease_head(word);
		if (!word)
			return ARP_LAPSED;
	}
	*ret_entry = entry;
	*ret_mac = mac_of(word);
	return ARP_OWNED;
}

/*
 * For a request or reply that isn't answered: returns a conflict (or our own MAC) if its sender
 * uses one of our addresses, else @outcome. Compares only the sha, not the Ethernet source, since
 * hosts cache the sha (RFC 5227 2.4).
 */
__noinline enum outcome arp_silent(const struct arp_packet *arp, __u32 ifindex,
				   enum outcome outcome)
{
	struct responder_v4_key used = { .ifindex = ifindex };
	struct responder_v4_entry *entry;
	mac_t sha, mac;

	if (!arp)
		return OUTCOME_COUNT;
	used.ip4 = ip4_load(arp->spa);
	sha = mac_load(arp->sha);
	if (used.ip4 && arp_look_up(&used, &entry, &mac) == ARP_OWNED) {
		if (sha == mac) {
			outcome = OUTCOME_ARP_OWN_MAC;
		} else {
			struct conflict_key key = { .address = { [10] = 0xff, [11] = 0xff },
						    .ifindex = ifindex };

			outcome = OUTCOME_ARP_CONFLICT;
			ip4_store(&key.address[12], used.ip4);
			count_conflict(&key, sha, &entry->told_ns);
		}
	}
	return count_silence(outcome);
}

/* The outcome, if it is no conflict, of a packet that isn't a request for Ethernet and IPv4. */
static __always_inline enum outcome arp_outcome_of_other(const struct ethhdr *eth,
							 const struct arp_packet *arp)
{
	if ((word_load(arp) & ARP_FORMAT_MASK) != ARP_FORMAT)
		return OUTCOME_ARP_BAD_FORMAT;
	if (!mac_is_host(mac_load(arp->sha)) || !mac_is_host(mac_load(eth->h_source)))
		return OUTCOME_ARP_BAD_SENDER_MAC;
	if (!arp_sender_ip_valid(arp->spa))
		return OUTCOME_ARP_BAD_SENDER_IP;
	return OUTCOME_ARP_NOT_REQUEST;
}

__noinline enum outcome arp_other(const struct ethhdr *eth, const struct arp_packet *arp,
				  __u32 ifindex)
{
	enum outcome outcome;
	__u64 format;

	if (!eth || !arp)
		return OUTCOME_COUNT;
	outcome = arp_outcome_of_other(eth, arp);
	format = word_load(arp) & ARP_FORMAT_MASK;
	if ((format != ARP_FORMAT && format != ARP_FORMAT_IEEE_802) ||
	    (arp->op != bpf_htons(ARP_OP_REQUEST) && arp->op != bpf_htons(ARP_OP_REPLY)))
		return count_silence(outcome);
	return arp_silent(arp, ifindex, outcome);
}

/* Turns the request into the reply in place. Leaves the bytes behind the packet as they were.
 * Stores whole words; the next store corrects the bytes that a word overwrote behind its field. */
static __always_inline void arp_reply(void *eth, struct arp_packet *arp, mac_t mac)
{
	/* the word has sha and spa's first bytes; stored at tha, it sets tha and tpa's first bytes
	 */
	__u64 requester = word_load(arp->sha);
	__be32 spa = ip4_load(arp->spa), tpa = ip4_load(arp->tpa);

	/* the lower 16 bits of a mac_t are zero; they go to the end of the destination, set below
	 */
	word_store(eth + ETH_ALEN - 2, mac);
	mac_store(eth, mac_of(requester));
	/* here they become op, and sha follows it */
	word_store(&arp->op, mac | bpf_htons(ARP_OP_REPLY));
	ip4_store(arp->spa, tpa);
	word_store(arp->tha, requester);
	ip4_store(arp->tpa, spa);
}

/* Counts a request that isn't answered as @outcome; with @answers_only, leaves it to arp_packet().
 */
static __always_inline enum outcome arp_refuse(const struct arp_packet *arp, __u32 ifindex,
					       enum outcome outcome, const bool answers_only)
{
	return answers_only ? OUTCOME_COUNT : arp_silent(arp, ifindex, outcome);
}

/*
 * Decides whether the request is answered, and writes the reply. Inlined twice: in arp_packet(),
 * and at the entry point with @answers_only, which only has the code for a reply. The latter
 * returns OUTCOME_COUNT for a frame that isn't answered, for arp_packet() to find the reason,
 * unless no entry has the address, as is the case for most frames on a LAN.
 */
static __always_inline enum outcome arp_decide(void *eth, struct arp_packet *arp, __u32 ifindex,
					       const bool answers_only)
{
	mac_t sha = mac_load(arp->sha), source = mac_load(eth + ETH_ALEN), mac;
	struct responder_v4_key asked;
	struct responder_v4_entry *entry;
	enum arp_ownership ownership;

	if (word_load(arp) != ARP_FORMAT_OP(ARP_OP_REQUEST))
		return answers_only ? OUTCOME_COUNT : arp_other(eth, arp, ifindex);
	/* rare; not handling it here saves a register for every frame */
	if (answers_only && sha != source)
		return OUTCOME_COUNT;
	if (!mac_is_host(sha) || !mac_is_host(source))
		return arp_refuse(arp, ifindex, OUTCOME_ARP_BAD_SENDER_MAC, answers_only);
	if (!arp_sender_ip_valid(arp->spa))
		return arp_refuse(arp, ifindex, OUTCOME_ARP_BAD_SENDER_IP, answers_only);
	asked.ip4 = ip4_load(arp->tpa);
	asked.ifindex = ifindex;
	ownership = arp_look_up(&asked, &entry, &mac);
	if (ownership == ARP_NOT_OWNED) {
		/* else clang computes the arguments before the lookup, and saves registers for
		 * them */
		barrier_var(eth);
		return arp_silent(answers_only ? eth + ETH_HLEN : arp, asked.ifindex,
				  OUTCOME_ARP_NOT_OWNED);
	}
	if (ownership == ARP_LAPSED)
		return arp_refuse(arp, ifindex, OUTCOME_ARP_LEASE_OVER, answers_only);
	/* load it again: keeping it over the lookup would cost two stack accesses */
	if (mac_load(arp->sha) == mac)
		return answers_only ? OUTCOME_COUNT : count_silence(OUTCOME_ARP_OWN_MAC);
	if (mac_load(eth + ETH_ALEN) == mac || ip4_load(arp->spa) == ip4_load(arp->tpa))
		return arp_refuse(arp, ifindex, OUTCOME_ARP_OWN_MAC, answers_only);
	if (mac_load(eth) != MAC_BROADCAST && mac_load(eth) != mac)
		return arp_refuse(arp, ifindex, OUTCOME_ARP_OTHER_DESTINATION, answers_only);
	if (!answers_only && mac_load(arp->sha) != mac_load(eth + ETH_ALEN))
		count_outcome(OUTCOME_ARP_SHA_MISMATCH);
	arp_reply(eth, arp, mac);
	count_answer(OUTCOME_ARP_ANSWERED, &entry->responses_sent);
	return OUTCOME_ARP_ANSWERED;
}

/*
 * Handles the complete packet @arp behind Ethernet header @eth and its tags. @ifindex: the device
 * whose entries apply. Counts and returns the outcome; if it is OUTCOME_ARP_ANSWERED the frame is
 * the reply, else it is unchanged.
 */
__noinline enum outcome arp_packet(struct ethhdr *eth, struct arp_packet *arp, __u32 ifindex)
{
	if (!eth || !arp)
		return OUTCOME_COUNT;
	return arp_decide(eth, arp, ifindex, false);
}

/* Fast path: arp_packet() for the attached device and a frame without tags, with the path to a
 * reply inlined. Returns the XDP verdict. */
static __always_inline int arp_untagged(void *eth)
{
	enum outcome outcome = arp_decide(eth, eth + ETH_HLEN, attached_ifindex, true);

	if (outcome == OUTCOME_COUNT) {
		barrier_var(eth); /* as in arp_decide() */
		return verdict(arp_packet(eth, eth + ETH_HLEN, attached_ifindex));
	}
	return outcome == OUTCOME_ARP_ANSWERED ? verdict_here(XDP_TX) : verdict_here(XDP_PASS);
}

#endif
