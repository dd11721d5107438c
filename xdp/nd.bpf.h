/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Neighbour discovery (RFC 4861, 4862): answers solicitations of owned addresses in place. The
 * frame can't grow, so the target link-layer address option replaces the solicitation's options; if
 * it has none, the answer has none either. RFC 4861 7.2.4 requires the option, but this affects
 * only answers to unicast probes, whose sender has the MAC already.
 */
#ifndef XDP_L2RESP_ND_BPF_H
#define XDP_L2RESP_ND_BPF_H

#include <stddef.h>
#include <linux/icmpv6.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>

#include "wire.h"
#include "bounds.bpf.h"
#include "count.bpf.h"
#include "lease.bpf.h"
#include "mac.bpf.h"

#define ND_HOP_LIMIT 255
#define ND_BODY_MAX  256 /* longer messages are left to the kernel */
#define ND_BODY_MIN  sizeof(struct nd_message)
#define ND_REPLY_MAX (sizeof(struct nd_message) + sizeof(struct nd_option))
/* Maximum of bytes behind a solicitation that is answered: a NIC's padding and checksums need less.
 * The bytes go out with the answer, which for a solicitation from :: goes to all nodes. */
#define ND_TRAILER_MAX 64

/* A copy of the message: the verifier permits variable offsets here, but not in frame data.
 * mac_load() reads two bytes beyond a MAC. */
struct nd_scratch {
	__u8 body[ND_BODY_MAX + sizeof(struct nd_option)];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct nd_scratch);
} nd_scratch SEC(".maps");

/* The packet behind the Ethernet header and the tags; options follow. */
struct nd_packet {
	struct ipv6hdr ip;
	struct nd_message message;
};

static __always_inline bool ip6_is_multicast(const void *ip6)
{
	return *(const __u8 *)ip6 == 0xff;
}

static __always_inline bool ip6_is_unspecified(const void *ip6)
{
	const __u32 *word = ip6;

	return !(word[0] | word[1] | word[2] | word[3]);
}

static __always_inline bool ip6_is_loopback(const void *ip6)
{
	const __u32 *word = ip6;

	return !(word[0] | word[1] | word[2]) && word[3] == bpf_htonl(1);
}

static __always_inline bool ip6_equal(const void *a, const void *b)
{
	const __u32 *left = a, *right = b;

	return left[0] == right[0] && left[1] == right[1] && left[2] == right[2] &&
	       left[3] == right[3];
}

/* ff02::1:ff00:0/104 (RFC 4291 2.7.1) */
static __always_inline bool ip6_is_solicited_node(const void *ip6)
{
	const __u32 *word = ip6;

	return word[0] == bpf_htonl(0xff020000) && !word[1] && word[2] == bpf_htonl(1) &&
	       (word[3] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000);
}

/* ff02::1 (RFC 4291 2.7.1); frames to it have the MAC 33:33:00:00:00:01 (RFC 2464 7). */
static __always_inline void ip6_set_all_nodes(void *ip6)
{
	__u32 *word = ip6;

	word[0] = bpf_htonl(0xff020000);
	word[1] = word[2] = 0;
	word[3] = bpf_htonl(1);
}

#define MAC_ALL_NODES ((mac_t)0x0100000033330000ULL)

/* The MAC of frames to group @ip6 (RFC 2464 7). */
static __always_inline mac_t mac_of_group(const struct in6_addr *ip6)
{
	return (__u64)ip6->s6_addr32[3] << 32 | 0x33330000;
}

static __always_inline void ip6_copy(void *to, const void *from)
{
	__builtin_memcpy(to, from, sizeof(struct in6_addr));
}

/* One's complement sum of the pseudo header (RFC 8200 8.1); folded by nd_fold(). */
static __always_inline __u32 nd_pseudo_sum(struct ipv6hdr *ip, __u32 length)
{
	return bpf_csum_diff(NULL, 0, (__be32 *)&ip->saddr, 2 * sizeof(struct in6_addr),
			     bpf_htonl(length + IPPROTO_ICMPV6));
}

static __always_inline __u16 nd_fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

enum nd_ownership { ND_OWNED, ND_NOT_OWNED, ND_LAPSED };

/* Looks up @ip6; sets *ret_entry and its head if the result is ND_OWNED. See arp_look_up() for why
 * it compares the key, and after loading the head. */
static __always_inline enum nd_ownership nd_look_up(const void *ip6, __u32 ifindex,
						    struct responder_v6_entry **ret_entry,
						    __u64 *ret_head)
{
	struct responder_v6_key key = { .ifindex = ifindex };
	struct responder_v6_entry *entry;
	const struct responder_v6_key *carried;

	ip6_copy(key.ip6, ip6);
	entry = bpf_map_lookup_elem(&responder_v6, &key);
	if (!entry)
		return ND_NOT_OWNED;
	*ret_head = *(volatile __u64 *)&entry->head;
	carried = key_after(&entry->key, *ret_head);
	if (!ip6_equal(carried->ip6, ip6) || carried->ifindex != ifindex)
		return ND_NOT_OWNED;
	if (*ret_head >= HEAD_LEASED) {
		*ret_head = lease_head(*ret_head);
		if (!*ret_head)
			return ND_LAPSED;
	}
	*ret_entry = entry;
	return ND_OWNED;
}

#define ND_WALK_LIMIT	 32 /* a conflict behind more options isn't seen */
#define ND_OPTIONS_LIMIT ((ND_BODY_MAX - ND_BODY_MIN) / sizeof(struct nd_option))

/* Flags in the bits of nd_option_mac()'s result below the MAC. */
#define ND_HAS_MAC     1
#define ND_BAD_OPTIONS 2

/* Returns the option at @at and advances @at to the next one; NULL at the end of the message. */
static __always_inline const struct nd_option *nd_option_next(const struct nd_scratch *scratch,
							      __u32 length, __u32 *at)
{
	const struct nd_option *option = (const void *)(scratch->body + *at);

	if (*at >= length || *at > ND_BODY_MAX - sizeof(*option))
		return NULL;
	*at += option->length * sizeof(*option);
	return option;
}

/* True if no option is empty or exceeds the message, @length bytes, at most ND_BODY_MAX. */
__noinline bool nd_options_valid(const struct nd_scratch *scratch, __u32 length)
{
	__u32 at = ND_BODY_MIN;

	if (!scratch)
		return false;
	for (unsigned int i = 0; i < ND_OPTIONS_LIMIT; i++) {
		const struct nd_option *option = nd_option_next(scratch, length, &at);

		if (!option)
			break;
		if (!option->length || at > length)
			return false;
	}
	return true;
}

/* Returns the link-layer address option that hosts use in a message of this type; they ignore the
 * other one (RFC 4861 7.1). */
static __always_inline __u8 nd_option_wanted(__u8 message_type)
{
	return message_type == ND_SOLICITATION ? ND_OPTION_SOURCE : ND_OPTION_TARGET;
}

/*
 * Returns the link-layer address in the options of a valid message, and ND_HAS_MAC; 0 if there is
 * none; ND_BAD_OPTIONS if it isn't an Ethernet one. Not merged into nd_options_valid()'s loop,
 * since the verifier would check each state of one in combination with those of the other.
 */
__noinline __u64 nd_option_mac(const struct nd_scratch *scratch, __u32 length)
{
	__u32 at = ND_BODY_MIN;
	__u8 wanted;

	if (!scratch)
		return ND_BAD_OPTIONS;
	wanted = nd_option_wanted(scratch->body[0]);
	for (unsigned int i = 0; i < ND_OPTIONS_LIMIT; i++) {
		const struct nd_option *option = nd_option_next(scratch, length, &at);

		if (!option)
			break;
		if (option->type == wanted)
			return option->length == 1 ? mac_load(option->mac) | ND_HAS_MAC
						   : ND_BAD_OPTIONS;
	}
	return 0;
}

/* Returns the MAC that hosts cache from a message: that of its option (@option_mac, from
 * nd_option_mac()), or the Ethernet source if it has none. */
static __always_inline mac_t nd_sender_mac(const void *eth, __u64 option_mac)
{
	return option_mac & ND_HAS_MAC ? option_mac & ~(__u64)ND_HAS_MAC : mac_load(eth + ETH_ALEN);
}

static __always_inline bool nd_sender_is_host(const void *eth, __u64 option_mac)
{
	return mac_is_host(mac_load(eth + ETH_ALEN)) && mac_is_host(nd_sender_mac(eth, option_mac));
}

/* For a message that isn't answered: returns a conflict (or our own MAC) if it claims that @ip6,
 * one of our addresses, is at @mac, else @outcome. */
__noinline enum outcome nd_silent(const struct in6_addr *ip6, __u32 ifindex, mac_t mac,
				  enum outcome outcome)
{
	struct conflict_key key = { .ifindex = ifindex };
	struct responder_v6_entry *entry;
	__u64 head;

	if (!ip6)
		return OUTCOME_COUNT;
	if (nd_look_up(ip6, ifindex, &entry, &head) == ND_OWNED) {
		if (mac == mac_of(head)) {
			outcome = OUTCOME_ND_OWN_MAC;
		} else {
			outcome = OUTCOME_ND_CONFLICT;
			ip6_copy(key.address, ip6);
			count_conflict(&key, mac, &entry->told_ns);
		}
	}
	return count_silence(outcome);
}

/*
 * Validates a message of @length bytes by the rules that RFC 4861 7.1.1 and 7.1.2 share. Returns
 * OUTCOME_COUNT if it is valid. *ret_option_mac: nd_option_mac()'s result.
 */
static __always_inline enum outcome nd_validate(struct xdp_md *ctx, void *eth,
						struct nd_packet *packet, __u64 length,
						const void *end, __u64 *ret_option_mac)
{
	struct nd_message *message = &packet->message;
	__u32 offset = (void *)message - eth, slot = 0;
	struct nd_scratch *scratch;
	__u64 option_mac;

	if (packet->ip.hop_limit != ND_HOP_LIMIT)
		return OUTCOME_ND_BAD_HOP_LIMIT;
	/* options are multiples of eight bytes, so the message is, too */
	if (message->code || length < ND_BODY_MIN || length % sizeof(struct nd_option))
		return OUTCOME_ND_BAD_FORMAT;
	if (length > ND_BODY_MAX)
		return OUTCOME_ND_TOO_LONG;
	scratch = bpf_map_lookup_elem(&nd_scratch, &slot);
	length = length_bounded(length, ND_BODY_MAX);
	if (!scratch || (void *)message + length > end ||
	    bpf_xdp_load_bytes(ctx, offset, scratch->body, length))
		return OUTCOME_ND_TRUNCATED;
	if (nd_fold(bpf_csum_diff(NULL, 0, (__be32 *)scratch->body, length,
				  nd_pseudo_sum(&packet->ip, length))) != 0xffff)
		return OUTCOME_ND_BAD_CHECKSUM;
	if (!nd_options_valid(scratch, length) || ip6_is_multicast(message->target))
		return OUTCOME_ND_BAD_FORMAT;
	option_mac = nd_option_mac(scratch, length);
	if (option_mac == ND_BAD_OPTIONS)
		return OUTCOME_ND_BAD_FORMAT;
	*ret_option_mac = option_mac;
	return OUTCOME_COUNT;
}

static __always_inline enum outcome nd_advertisement(const struct ethhdr *eth,
						     const struct nd_packet *packet, __u32 ifindex,
						     __u64 option_mac)
{
	/* RFC 4861 7.1.2: solicited advertisements are unicast */
	if (ip6_is_multicast(&packet->ip.daddr) &&
	    packet->message.flags & bpf_htonl(ND_FLAG_SOLICITED))
		return count_silence(OUTCOME_ND_BAD_FORMAT);
	return nd_silent((const void *)packet->message.target, ifindex,
			 nd_sender_mac(eth, option_mac),
			 nd_sender_is_host(eth, option_mac) ? OUTCOME_ND_NOT_SOLICITATION
							    : OUTCOME_ND_BAD_SENDER_MAC);
}

/* Checks a solicitation's sender (RFC 4861 7.1.1, 7.2.3). OUTCOME_COUNT: it may be answered. */
static __always_inline enum outcome nd_check_sender(const void *eth, const struct ipv6hdr *ip,
						    __u64 option_mac)
{
	bool has_mac = option_mac & ND_HAS_MAC;

	if (!nd_sender_is_host(eth, option_mac))
		return OUTCOME_ND_BAD_SENDER_MAC;
	/* the answer goes to all nodes, so don't turn a frame to one host into one */
	if (ip6_is_unspecified(&ip->saddr))
		return has_mac || !ip6_is_solicited_node(&ip->daddr) ||
				       mac_load(eth) != mac_of_group(&ip->daddr)
			       ? OUTCOME_ND_BAD_PROBE
			       : OUTCOME_COUNT;
	if (ip6_is_multicast(&ip->saddr) || ip6_is_loopback(&ip->saddr))
		return OUTCOME_ND_BAD_SENDER_IP;
	if (ip6_is_multicast(&ip->daddr) && !has_mac)
		return OUTCOME_ND_NO_LINK_LAYER_ADDRESS;
	return OUTCOME_COUNT;
}

/* True if sent to @mac or a group MAC, and to an IPv6 group or the target itself. */
static __always_inline bool nd_is_to(const struct ethhdr *eth, const struct nd_packet *packet,
				     mac_t mac)
{
	mac_t destination = mac_load(eth);

	return (destination == mac || destination & MAC_GROUP_BIT) &&
	       (ip6_is_multicast(&packet->ip.daddr) ||
		ip6_equal(&packet->ip.daddr, packet->message.target));
}

/*
 * Turns the solicitation into the advertisement in place (RFC 4861 7.2.4). Leaves the bytes behind
 * it as they were. @option: room for the target link-layer address option, or NULL.
 */
static __always_inline void nd_reply(void *eth, struct nd_packet *packet, struct nd_option *option,
				     __u64 option_mac, __u64 head)
{
	struct nd_message *message = &packet->message;
	struct ipv6hdr *ip = &packet->ip;
	__u32 length = option ? ND_REPLY_MAX : ND_BODY_MIN;
	bool probe = ip6_is_unspecified(&ip->saddr);
	mac_t mac = mac_of(head);
	__u32 flags = 0, sum;

	mac_store(eth, probe ? MAC_ALL_NODES : nd_sender_mac(eth, option_mac));
	mac_store(eth + ETH_ALEN, mac);
	if (probe)
		ip6_set_all_nodes(&ip->daddr);
	else
		ip6_copy(&ip->daddr, &ip->saddr);
	ip6_copy(&ip->saddr, message->target);
	ip->payload_len = bpf_htons(length);
	if (!probe)
		flags |= ND_FLAG_SOLICITED;
	if (!(head_flags(head) & ENTRY_NO_OVERRIDE))
		flags |= ND_FLAG_OVERRIDE;
	message->type = ND_ADVERTISEMENT;
	message->flags = bpf_htonl(flags);
	message->checksum = 0;
	sum = bpf_csum_diff(NULL, 0, (__be32 *)message, sizeof(*message),
			    nd_pseudo_sum(ip, length));
	if (option) {
		option->type = ND_OPTION_TARGET;
		option->length = 1;
		mac_store(option->mac, mac);
		sum = bpf_csum_diff(NULL, 0, (__be32 *)option, sizeof(*option), sum);
	}
	message->checksum = ~nd_fold(sum);
}

/* Handles a valid solicitation. @option: its first option, or NULL. @option_mac: nd_option_mac()'s
 * result. */
__noinline enum outcome nd_solicitation(struct ethhdr *eth, struct nd_packet *packet,
					struct nd_option *option, __u32 ifindex, __u64 option_mac)
{
	struct responder_v6_entry *entry;
	enum nd_ownership ownership;
	enum outcome outcome;
	mac_t mac;
	__u64 head;

	if (!eth || !packet)
		return OUTCOME_COUNT;
	mac = nd_sender_mac(eth, option_mac);
	outcome = nd_check_sender(eth, &packet->ip, option_mac);
	if (outcome != OUTCOME_COUNT)
		return nd_silent(&packet->ip.saddr, ifindex, mac, outcome);
	ownership = nd_look_up(packet->message.target, ifindex, &entry, &head);
	if (ownership != ND_OWNED)
		return nd_silent(&packet->ip.saddr, ifindex, mac,
				 ownership == ND_LAPSED ? OUTCOME_ND_LEASE_OVER
							: OUTCOME_ND_NOT_OWNED);
	if (mac == mac_of(head) || mac_load(eth->h_source) == mac_of(head) ||
	    ip6_equal(&packet->ip.saddr, packet->message.target))
		return nd_silent(&packet->ip.saddr, ifindex, mac, OUTCOME_ND_OWN_MAC);
	if (!nd_is_to(eth, packet, mac_of(head)))
		return nd_silent(&packet->ip.saddr, ifindex, mac, OUTCOME_ND_OTHER_DESTINATION);
	nd_reply(eth, packet, option, option_mac, head);
	count_answer(OUTCOME_ND_ANSWERED, &entry->responses_sent);
	return OUTCOME_ND_ANSWERED;
}

/* State of the walk through a message's options. */
struct nd_walk {
	struct xdp_md *ctx;
	__u32 at;
	__u8 wanted;	  /* type of the option */
	__u64 option_mac; /* as nd_option_mac()'s result */
};

/* Skips one option. Returns false at the wanted one, or if there is none. */
static __always_inline bool nd_walk_option(struct nd_walk *walk)
{
	/* the MAC is loaded as a word, which must be aligned on the stack */
	struct {
		__u8 before[6];
		struct nd_option option;
		__u8 behind[2];
	} __attribute__((aligned(8))) at = {};

	if (bpf_xdp_load_bytes(walk->ctx, walk->at, &at.option, sizeof(at.option)) ||
	    !at.option.length)
		return false;
	if (at.option.type == walk->wanted) {
		if (at.option.length == 1)
			walk->option_mac = mac_load(at.option.mac) | ND_HAS_MAC;
		return false;
	}
	walk->at += at.option.length * sizeof(at.option);
	return true;
}

/*
 * Handles a message at @at that is never answered, because it is longer than ND_BODY_MAX or behind
 * extension headers. Hosts accept it, so it may be a conflict. Doesn't verify the checksum, since
 * an attacker sends a correct one. Doesn't look for the message's end either: hosts use the first
 * of several options, which comes before any bytes behind the end.
 */
static __noinline enum outcome nd_unanswered(struct xdp_md *ctx, const struct ethhdr *eth,
					     const struct ipv6hdr *ip, __u32 ifindex, __u32 at)
{
	struct nd_message message = {};
	struct nd_walk walk = { .ctx = ctx, .at = at + sizeof(message) };

	if (bpf_xdp_load_bytes(ctx, at, &message, sizeof(message)))
		return count_silence(OUTCOME_ND_TRUNCATED);
	if (ip->hop_limit != ND_HOP_LIMIT)
		return count_silence(OUTCOME_ND_BAD_HOP_LIMIT);
	if (message.code)
		return count_silence(OUTCOME_ND_BAD_FORMAT);
	walk.wanted = nd_option_wanted(message.type);
	for (int i = 0; i < ND_WALK_LIMIT && nd_walk_option(&walk); i++)
		;
	return nd_silent(message.type == ND_SOLICITATION ? &ip->saddr : (void *)message.target,
			 ifindex, nd_sender_mac(eth, walk.option_mac),
			 ip->nexthdr == IPPROTO_ICMPV6 ? OUTCOME_ND_TOO_LONG
						       : OUTCOME_ND_EXTENSION_HEADERS);
}

/*
 * Handles a solicitation or an advertisement in @packet. @ifindex: the device whose entries apply.
 * Counts and returns the outcome; if it is OUTCOME_ND_ANSWERED the frame is the reply, else it is
 * unchanged.
 */
static __noinline enum outcome nd_packet(struct xdp_md *ctx, void *eth, struct nd_packet *packet,
					 __u32 ifindex)
{
	void *end = (void *)(long)ctx->data_end;
	struct nd_option *option = (void *)(packet + 1);
	enum outcome outcome;
	__u32 length, at = (void *)&packet->message - eth;
	__u64 option_mac;

	if ((void *)option > end)
		return count_silence(OUTCOME_ND_TRUNCATED);
	length = bpf_ntohs(packet->ip.payload_len);
	outcome = nd_validate(ctx, eth, packet, length, end, &option_mac);
	if (outcome == OUTCOME_ND_TOO_LONG)
		return nd_unanswered(ctx, eth, &packet->ip, ifindex, at);
	if (outcome != OUTCOME_COUNT)
		return count_silence(outcome);
	if (packet->message.type == ND_ADVERTISEMENT)
		return nd_advertisement(eth, packet, ifindex, option_mac);
	if (bpf_xdp_get_buff_len(ctx) > at + length + ND_TRAILER_MAX)
		return nd_silent(&packet->ip.saddr, ifindex, nd_sender_mac(eth, option_mac),
				 OUTCOME_ND_TRAILER);
	/* for the verifier; the length already implies that it ends in the frame */
	if (length < ND_REPLY_MAX || (void *)(option + 1) > end)
		option = NULL;
	return nd_solicitation(eth, packet, option, ifindex, option_mac);
}

#endif
