/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Slow path, if the frame isn't plain ARP or `monitor` is on: finds ARP and neighbour discovery
 * behind up to two VLAN tags (IEEE 802.1Q, 802.1ad), and the device whose entries apply.
 */
#ifndef XDP_L2RESP_FRAME_BPF_H
#define XDP_L2RESP_FRAME_BPF_H

#include <bpf/bpf_endian.h>

#include "arp.bpf.h"
#include "nd.bpf.h"
#include "wire.h"

#define FRAME_MAX_TAGS	     2
#define IP6_EXTENSIONS_LIMIT 16 /* a conflict behind more extension headers isn't seen */

/* Reads the EtherType, which is directly before its payload. */
static __always_inline __be16 frame_type(const void *payload)
{
	return *(const __be16 *)(payload - sizeof(__be16));
}

static __always_inline bool type_is_tag(__be16 type)
{
	return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

static __always_inline bool type_is_nd(__u32 type)
{
	type -= ND_SOLICITATION;
	barrier_var(type); /* else clang makes two comparisons */
	return type <= ND_ADVERTISEMENT - ND_SOLICITATION;
}

/* True if @ip, whose next header is ICMPv6, has a solicitation or an advertisement. */
static __always_inline bool icmp6_is_nd(const struct ipv6hdr *ip, const void *end)
{
	const struct nd_message *message = (const void *)(ip + 1);

	return (const void *)&message->code <= end && type_is_nd(message->type);
}

/* True for extension headers that hosts skip to find neighbour discovery. Not for fragment headers:
 * hosts drop fragmented neighbour discovery (RFC 6980). */
static __always_inline bool ip6_is_extension(__u32 header)
{
	return header == IPPROTO_HOPOPTS || header == IPPROTO_ROUTING || header == IPPROTO_DSTOPTS;
}

/* True for a solicitation, an advertisement, or an extension header that may precede one. Needs one
 * comparison for TCP and UDP, whose numbers lie between IPPROTO_HOPOPTS and the others. */
static __always_inline bool ip6_may_be_nd(const struct ipv6hdr *ip, const void *end)
{
	__u32 before = ip->nexthdr - 1;

	barrier_var(before); /* else clang keeps both numbers */
	if (before < IPPROTO_ROUTING - 1)
		return false;
	if (before == IPPROTO_ICMPV6 - 1)
		return icmp6_is_nd(ip, end);
	return ip6_is_extension(before + 1);
}

/* State of ip6_skip_extension(): @header is at @at. */
struct ip6_walk {
	struct xdp_md *ctx;
	__u32 at;
	__u8 header;
};

/* The common beginning of extension headers (RFC 8200 4.3, 4.4, 4.6). */
struct ip6_extension {
	__u8 next;
	__u8 length; /* in units of eight bytes, without the first eight */
	__u8 type;
	__u8 segments_left; /* of a routing header: 0 at the final destination */
};

/* Skips one extension header. Returns false if there is none. */
static __always_inline bool ip6_skip_extension(struct ip6_walk *walk)
{
	struct ip6_extension extension = {};

	if (!ip6_is_extension(walk->header) ||
	    bpf_xdp_load_bytes(walk->ctx, walk->at, &extension, sizeof(extension)) ||
	    (walk->header == IPPROTO_ROUTING && extension.segments_left))
		return false;
	walk->at += (extension.length + 1) * 8;
	walk->header = extension.next;
	return true;
}

/* Returns the offset of a solicitation or an advertisement behind the extension headers that begin
 * at @at with @header; 0: there is none. */
static __noinline __u32 ip6_find_nd(struct xdp_md *ctx, __u32 at, __u8 header)
{
	struct ip6_walk walk = { .ctx = ctx, .at = at, .header = header };
	__u8 type = 0;

	/* not bpf_loop(): a kernel without a JIT compiler rejects callbacks */
	for (int i = 0; i < IP6_EXTENSIONS_LIMIT && ip6_skip_extension(&walk); i++)
		;
	if (walk.header != IPPROTO_ICMPV6 || bpf_xdp_load_bytes(ctx, walk.at, &type, 1) ||
	    !type_is_nd(type))
		return 0;
	return walk.at;
}

/* A parsed frame; its payload is behind the Ethernet header and the tags. */
struct frame {
	void *eth;
	void *end;
	void *payload;
	__u32 message; /* offset of a neighbour discovery message behind extension headers, or 0 */
};

/* Skips the tags. Returns false if the frame ends in one. */
static __always_inline bool frame_skip_tags(struct frame *frame)
{
	for (int i = 0; i < FRAME_MAX_TAGS; i++) {
		if (!type_is_tag(frame_type(frame->payload)))
			break;
		if (frame->payload + sizeof(struct vlan_tag) > frame->end)
			return false;
		frame->payload += sizeof(struct vlan_tag);
	}
	return true;
}

/* The beginning of a frame with the maximum of tags. */
struct frame_tags {
	__u8 mac[2 * ETH_ALEN];
	struct {
		__be16 protocol;
		__be16 tci;
	} tag[FRAME_MAX_TAGS];
};

/*
 * Returns the device whose entries apply to a frame: the attached one, or the VLAN device of its
 * tags, or 0 if there is none. A tag with VID 0 is only a priority.
 */
__noinline __u32 frame_device(const struct frame_tags *frame)
{
	__u32 ifindex = attached_ifindex;

	if (!frame)
		return 0;
	for (int i = 0; i < FRAME_MAX_TAGS && type_is_tag(frame->tag[i].protocol); i++) {
		struct vlan_key key = { .parent = ifindex,
					.protocol = frame->tag[i].protocol,
					.vid = bpf_ntohs(frame->tag[i].tci) & VLAN_TCI_VID };
		const __u32 *device;

		if (!key.vid)
			continue;
		device = bpf_map_lookup_elem(&vlans, &key);
		if (!device)
			return 0;
		ifindex = *device;
	}
	return ifindex;
}

static __always_inline enum outcome frame_arp(const struct frame *frame)
{
	__u32 ifindex;

	if (frame->payload + sizeof(struct arp_packet) > frame->end)
		return count_silence(OUTCOME_ARP_TRUNCATED);
	ifindex = frame_device(frame->eth);
	if (!ifindex)
		return count_silence(OUTCOME_ARP_OTHER_VLAN);
	return arp_packet(frame->eth, frame->payload, ifindex);
}

static __always_inline enum outcome frame_nd(struct xdp_md *ctx, const struct frame *frame)
{
	struct nd_packet *packet = frame->payload;
	__u32 ifindex;

	/* for the verifier; frame_parse() has checked it */
	if ((void *)(&packet->ip + 1) > frame->end)
		return OUTCOME_COUNT;
	ifindex = frame_device(frame->eth);
	if (!ifindex)
		return count_silence(OUTCOME_ND_OTHER_VLAN);
	if (frame->message)
		return nd_unanswered(ctx, frame->eth, &packet->ip, ifindex, frame->message);
	return nd_packet(ctx, frame->eth, packet, ifindex);
}

enum frame_kind {
	FRAME_OTHER, /* has no outcome */
	FRAME_ARP,
	FRAME_ND, /* a solicitation or an advertisement */
};

static __always_inline enum frame_kind frame_parse(struct xdp_md *ctx, struct frame *frame)
{
	const struct ipv6hdr *ip;

	*frame = (struct frame){ .eth = (void *)(long)ctx->data,
				 .end = (void *)(long)ctx->data_end };
	frame->payload = frame->eth + ETH_HLEN;
	if (frame->payload > frame->end || !frame_skip_tags(frame))
		return FRAME_OTHER;
	if (frame_type(frame->payload) == bpf_htons(ETH_P_ARP))
		return FRAME_ARP;
	ip = frame->payload;
	if (frame_type(frame->payload) != bpf_htons(ETH_P_IPV6) || (void *)(ip + 1) > frame->end ||
	    ip->version != 6)
		return FRAME_OTHER;
	if (ip->nexthdr == IPPROTO_ICMPV6)
		return icmp6_is_nd(ip, frame->end) ? FRAME_ND : FRAME_OTHER;
	if (ip6_is_extension(ip->nexthdr))
		frame->message = ip6_find_nd(ctx, (void *)(ip + 1) - frame->eth, ip->nexthdr);
	return frame->message ? FRAME_ND : FRAME_OTHER;
}

/* True if the frame has an outcome. */
static __noinline bool frame_counts(struct xdp_md *ctx)
{
	struct frame frame;

	return frame_parse(ctx, &frame) != FRAME_OTHER;
}

/*
 * Handles any frame: turns it into the reply, or leaves it unchanged. Counts and returns the
 * outcome; OUTCOME_COUNT for a frame that is neither ARP nor a solicitation or an advertisement.
 */
static __noinline enum outcome frame_respond(struct xdp_md *ctx)
{
	struct frame frame;

	switch (frame_parse(ctx, &frame)) {
	case FRAME_ARP:
		return frame_arp(&frame);
	case FRAME_ND:
		return frame_nd(ctx, &frame);
	default:
		return OUTCOME_COUNT;
	}
}

#endif
