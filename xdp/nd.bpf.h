/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Neighbour discovery (RFC 4861, 4862): solicitations of owned addresses, answered where they lie.
 * A frame can't grow here, so the target link-layer address takes the place of whatever options the
 * solicitation carried; one without options is answered without. That leaves out an option which
 * RFC 4861 7.2.4 wants, in answers to unicast probes alone: their sender has the MAC already.
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

/* The message once more, where reading at a variable offset verifies; no frame data may be read so.
 * mac_load() reads two bytes more. */
struct nd_scratch {
	__u8 body[ND_BODY_MAX + sizeof(struct nd_option)];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct nd_scratch);
} nd_scratch SEC(".maps");

/* What was found in a frame. */
struct nd_frame {
	void *eth;
	struct ipv6hdr *ip;
	struct nd_message *message;
	__u32 length; /* of the message */
	__u32 ifindex;
	bool has_source; /* a source link-layer address option: */
	mac_t source;
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

/* Looks up @ip6; *ret_entry, its head and MAC are set unless it is ND_NOT_OWNED. arp_look_up() says
 * why the key is compared, and after the head. */
static __always_inline enum nd_ownership nd_look_up(const void *ip6, __u32 ifindex,
						    struct responder_v6_entry **ret_entry,
						    __u64 *ret_head)
{
	struct responder_v6_key key = { .ifindex = ifindex };
	struct responder_v6_entry *entry;

	ip6_copy(key.ip6, ip6);
	entry = bpf_map_lookup_elem(&responder_v6, &key);
	if (!entry)
		return ND_NOT_OWNED;
	*ret_head = *(volatile __u64 *)&entry->head;
	barrier();
	if (!ip6_equal(entry->key.ip6, ip6) || entry->key.ifindex != ifindex)
		return ND_NOT_OWNED;
	*ret_entry = entry;
	return lease_valid(*ret_head >> 56) ? ND_OWNED : ND_LAPSED;
}

/* The Ethernet source, or the link-layer address that an option gives, is the entry's own. */
static __always_inline bool nd_is_own(const struct nd_frame *frame, __u64 head)
{
	return mac_load(frame->eth + ETH_ALEN) == mac_of(head) ||
	       (frame->has_source && frame->source == mac_of(head));
}

/*
 * A message that isn't answered: @outcome, unless it uses @ip6, an address of ours.
 */
static __noinline enum outcome nd_silent(const struct nd_frame *frame, const void *ip6,
					 enum outcome outcome)
{
	struct conflict_key key = { .ifindex = frame->ifindex };
	struct responder_v6_entry *entry;
	__u64 head;

	if (nd_look_up(ip6, frame->ifindex, &entry, &head) == ND_OWNED) {
		if (nd_is_own(frame, head)) {
			outcome = OUTCOME_ND_OWN_MAC;
		} else {
			outcome = OUTCOME_ND_CONFLICT;
			ip6_copy(key.address, ip6);
			count_conflict(&key, mac_load(frame->eth + ETH_ALEN));
		}
	}
	return count_silence(outcome);
}

#define ND_OPTIONS_LIMIT ((ND_BODY_MAX - ND_BODY_MIN) / sizeof(struct nd_option))

/* What nd_source() found, in the bits below a MAC. */
#define ND_HAS_SOURCE  1
#define ND_BAD_OPTIONS 2

/*
 * The source link-layer address among the options of a message of @length bytes, at most
 * ND_BODY_MAX, and ND_HAS_SOURCE; ND_BAD_OPTIONS if one's length can't be. In an advertisement the
 * option has no place, and is to be ignored (RFC 4861 7.1.2). Global, so that the verifier goes
 * through the loop once and not with every state that leads here.
 */
__noinline __u64 nd_source(const struct nd_scratch *scratch, __u32 length)
{
	__u32 at = ND_BODY_MIN;
	__u64 found = 0;
	int source;

	if (!scratch)
		return ND_BAD_OPTIONS;
	source = scratch->body[0] == ND_SOLICITATION ? ND_OPTION_SOURCE : -1;
	for (unsigned int i = 0; i < ND_OPTIONS_LIMIT; i++) {
		const struct nd_option *option;

		if (at >= length || at > ND_BODY_MAX - sizeof(*option))
			break;
		option = (const void *)(scratch->body + at);
		at += option->length * sizeof(*option);
		if (!option->length || at > length)
			return ND_BAD_OPTIONS;
		if (option->type != source || found)
			continue;
		if (option->length != 1)
			return ND_BAD_OPTIONS;
		found = mac_load(option->mac) | ND_HAS_SOURCE;
	}
	return found;
}

/*
 * RFC 4861 7.1.1 and 7.1.2: what makes a message invalid whatever it is about. OUTCOME_COUNT:
 * nothing does. Sets the frame's source.
 */
static __always_inline enum outcome nd_validate(struct xdp_md *ctx, struct nd_frame *frame,
						const void *end)
{
	__u32 offset = (void *)frame->message - frame->eth, slot = 0;
	__u64 length = frame->length, source;
	struct nd_scratch *scratch;

	if (frame->ip->hop_limit != ND_HOP_LIMIT)
		return OUTCOME_ND_BAD_HOP_LIMIT;
	/* options are multiples of eight bytes, and so is the message */
	if (frame->message->code || length < ND_BODY_MIN || length % sizeof(struct nd_option))
		return OUTCOME_ND_BAD_FORMAT;
	if (length > ND_BODY_MAX)
		return OUTCOME_ND_TOO_LONG;
	scratch = bpf_map_lookup_elem(&nd_scratch, &slot);
	length = length_bounded(length, ND_BODY_MAX);
	if (!scratch || (void *)frame->message + length > end ||
	    bpf_xdp_load_bytes(ctx, offset, scratch->body, length))
		return OUTCOME_ND_TRUNCATED;
	if (nd_fold(bpf_csum_diff(NULL, 0, (__be32 *)scratch->body, length,
				  nd_pseudo_sum(frame->ip, length))) != 0xffff)
		return OUTCOME_ND_BAD_CHECKSUM;
	source = nd_source(scratch, length);
	frame->has_source = source & ND_HAS_SOURCE;
	frame->source = source & ~(__u64)ND_HAS_SOURCE;
	if (source == ND_BAD_OPTIONS || ip6_is_multicast(frame->message->target))
		return OUTCOME_ND_BAD_FORMAT;
	if (!mac_is_host(mac_load(frame->eth + ETH_ALEN)) ||
	    (frame->has_source && !mac_is_host(frame->source)))
		return OUTCOME_ND_BAD_SENDER_MAC;
	return OUTCOME_COUNT;
}

static __always_inline enum outcome nd_advertisement(const struct nd_frame *frame)
{
	/* RFC 4861 7.1.2: solicited ones go to one host */
	if (ip6_is_multicast(&frame->ip->daddr) &&
	    frame->message->flags & bpf_htonl(ND_FLAG_SOLICITED))
		return count_silence(OUTCOME_ND_BAD_FORMAT);
	return nd_silent(frame, frame->message->target, OUTCOME_ND_NOT_SOLICITATION);
}

/* RFC 4861 7.1.1, 7.2.3: whether this solicitation may have an answer. OUTCOME_COUNT: it may. */
static __always_inline enum outcome nd_check_sender(const struct nd_frame *frame)
{
	const struct ipv6hdr *ip = frame->ip;

	if (ip6_is_unspecified(&ip->saddr))
		return frame->has_source || !ip6_is_solicited_node(&ip->daddr)
			       ? OUTCOME_ND_BAD_PROBE
			       : OUTCOME_COUNT;
	if (ip6_is_multicast(&ip->saddr) || ip6_is_loopback(&ip->saddr))
		return OUTCOME_ND_BAD_SENDER_IP;
	if (ip6_is_multicast(&ip->daddr) && !frame->has_source)
		return OUTCOME_ND_NO_LINK_LAYER_ADDRESS;
	return OUTCOME_COUNT;
}

/* To the answering MAC or a group; a unicast solicitation is for the address that it asks for. */
static __always_inline bool nd_is_to(const struct nd_frame *frame, mac_t mac)
{
	mac_t destination = mac_load(frame->eth);

	return (destination == mac || destination & MAC_GROUP_BIT) &&
	       (ip6_is_multicast(&frame->ip->daddr) ||
		ip6_equal(&frame->ip->daddr, frame->message->target));
}

/*
 * Turns the solicitation into the advertisement where it lies (RFC 4861 7.2.4). What follows it
 * stays as the solicitation had it. @option: room for the target link-layer address, or NULL.
 */
static __always_inline void nd_reply(const struct nd_frame *frame, __u64 head,
				     struct nd_option *option)
{
	struct nd_message *message = frame->message;
	__u32 length = option ? ND_REPLY_MAX : ND_BODY_MIN;
	bool probe = ip6_is_unspecified(&frame->ip->saddr);
	mac_t mac = mac_of(head);
	__u32 flags = 0, sum;

	mac_store(frame->eth, probe		  ? MAC_ALL_NODES
			      : frame->has_source ? frame->source
						  : mac_load(frame->eth + ETH_ALEN));
	mac_store(frame->eth + ETH_ALEN, mac);
	if (probe)
		ip6_set_all_nodes(&frame->ip->daddr);
	else
		ip6_copy(&frame->ip->daddr, &frame->ip->saddr);
	ip6_copy(&frame->ip->saddr, message->target);
	frame->ip->payload_len = bpf_htons(length);
	if (!probe)
		flags |= ND_FLAG_SOLICITED;
	if (!(head_flags(head) & ENTRY_NO_OVERRIDE))
		flags |= ND_FLAG_OVERRIDE;
	message->type = ND_ADVERTISEMENT;
	message->flags = bpf_htonl(flags);
	message->checksum = 0;
	sum = bpf_csum_diff(NULL, 0, (__be32 *)message, sizeof(*message),
			    nd_pseudo_sum(frame->ip, length));
	if (option) {
		option->type = ND_OPTION_TARGET;
		option->length = 1;
		mac_store(option->mac, mac);
		sum = bpf_csum_diff(NULL, 0, (__be32 *)option, sizeof(*option), sum);
	}
	message->checksum = ~nd_fold(sum);
}

static __always_inline enum outcome nd_solicitation(const struct nd_frame *frame, const void *end)
{
	struct nd_option *option = NULL;
	struct responder_v6_entry *entry;
	enum nd_ownership ownership;
	enum outcome outcome;
	__u64 head;

	outcome = nd_check_sender(frame);
	if (outcome != OUTCOME_COUNT)
		return count_silence(outcome);
	ownership = nd_look_up(frame->message->target, frame->ifindex, &entry, &head);
	if (ownership != ND_OWNED)
		return nd_silent(frame, &frame->ip->saddr,
				 ownership == ND_LAPSED ? OUTCOME_ND_LEASE_OVER
							: OUTCOME_ND_NOT_OWNED);
	if (nd_is_own(frame, head))
		return count_silence(OUTCOME_ND_OWN_MAC);
	if (ip6_equal(&frame->ip->saddr, frame->message->target))
		return nd_silent(frame, &frame->ip->saddr, OUTCOME_ND_CONFLICT);
	if (!nd_is_to(frame, mac_of(head)))
		return count_silence(OUTCOME_ND_OTHER_DESTINATION);
	if (frame->length >= ND_REPLY_MAX) {
		option = (void *)(frame->message + 1);
		/* known by the length, but not to the verifier */
		if ((void *)(option + 1) > end)
			return count_silence(OUTCOME_ND_TRUNCATED);
	}
	barrier_var(option); /* else clang asks for the length again, and the verifier doesn't see
				why */
	nd_reply(frame, head, option);
	count_answer(OUTCOME_ND_ANSWERED, entry->responses_sent);
	return OUTCOME_ND_ANSWERED;
}

/*
 * A solicitation or an advertisement, whose IPv6 header is at @ip. @ifindex: the device that owns
 * the addresses. Its outcome, counted; the reply in place if it is OUTCOME_ND_ANSWERED, else the
 * frame untouched.
 */
static __noinline enum outcome nd_packet(struct xdp_md *ctx, struct ipv6hdr *ip, __u32 ifindex)
{
	struct nd_frame frame = { .eth = (void *)(long)ctx->data,
				  .ip = ip,
				  .message = (void *)(ip + 1),
				  .length = bpf_ntohs(ip->payload_len),
				  .ifindex = ifindex };
	void *end = (void *)(long)ctx->data_end;
	enum outcome outcome;

	if ((void *)(frame.message + 1) > end)
		return count_silence(OUTCOME_ND_TRUNCATED);
	outcome = nd_validate(ctx, &frame, end);
	if (outcome != OUTCOME_COUNT)
		return count_silence(outcome);
	if (frame.message->type == ND_ADVERTISEMENT)
		return nd_advertisement(&frame);
	return nd_solicitation(&frame, end);
}

#endif
