// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The load: a generator for BPF_PROG_RUN's live frames, a rewriter for pktgen's packets, and sinks
 * that compare what comes back, or what comes through, with what should.
 */
#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "load.h"

#define ARP_END	 42 /* bytes of an ARP frame without trailer */
#define ARP_OP	 20
#define SPA_WORD 3 /* sender protocol address: bytes 28 to 31, the upper half of word 3 */

/* All of these are set before load. */
const volatile struct load_frame templates[LOAD_TEMPLATES];
const volatile __u32 template_mask; /* templates in use, less one */
const volatile __u32 template_asks; /* bit i: template i is a request, its target to be filled in */
const volatile __u32 first_target;  /* host byte order */
const volatile __u32 target_count;
const volatile bool in_sequence;
/* The answer: the address in it, which varies, is left zero here. */
const volatile struct load_frame answer;
const volatile bool answer_in_tpa;  /* it comes back as target, not as sender */
const volatile bool answer_trailer; /* bytes behind the ARP packet come back as sent */
const volatile bool proving;

struct load_counts counts[LOAD_MAX_CPUS];

/* Answers, or passed frames, by target while proving; sized before load. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64); /* elements of less lie eight bytes apart all the same */
} seen SEC(".maps");

static __always_inline struct load_counts *counts_here(void)
{
	return &counts[bpf_get_smp_processor_id() & (LOAD_MAX_CPUS - 1)];
}

static __always_inline __u32 target_choose(struct load_counts *here)
{
	__u64 random;

	if (target_count == 1)
		return first_target;
	if (in_sequence) {
		if (here->next >= target_count)
			here->next = 0;
		return first_target + here->next++;
	}
	/* xorshift (Marsaglia 2003): two nanoseconds, where bpf_get_prandom_u32() takes five */
	random = here->random;
	random ^= random << 13;
	random ^= random >> 7;
	random ^= random << 17;
	here->random = random;
	return first_target + (((random >> 32) * target_count) >> 32);
}

/* Target protocol address: bytes 38 to 41, across words 4 and 5. */
static __always_inline void target_write(struct load_frame *frame, __u32 target)
{
	__u32 tpa = bpf_htonl(target);

	frame->word[4] = (frame->word[4] & 0x0000ffffffffffffULL) | (__u64)tpa << 48;
	frame->word[5] = (frame->word[5] & 0xffffffffffff0000ULL) | tpa >> 16;
}

static __always_inline void target_seen(__u32 target)
{
	__u32 index = target - first_target;
	__u64 *times = bpf_map_lookup_elem(&seen, &index);

	if (times)
		__sync_fetch_and_add(times, 1);
}

static __always_inline void time_note(struct load_counts *here)
{
	here->last_ns = bpf_ktime_get_ns();
	if (here->mark != here->last)
		here->first_ns = here->last_ns;
	here->mark = here->last;
}

static __always_inline void frame_write(struct load_frame *frame)
{
	struct load_counts *here = counts_here();
	__u32 i = here->sent & template_mask & (LOAD_TEMPLATES - 1);

	if (here->sent == here->mark)
		time_note(here);
	here->sent++;
	for (int word = 0; word < LOAD_WORDS; word++)
		frame->word[word] = templates[i].word[word];
	if (template_asks >> i & 1) {
		target_write(frame, target_choose(here));
		here->asked++;
	}
}

/* Live frames are recycled as the responder left them, so the whole request is written each time.
 */
SEC("xdp")
int load_generate(struct xdp_md *ctx)
{
	struct load_frame *frame = (void *)(long)ctx->data;

	if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	frame_write(frame);
	return XDP_TX;
}

/* pktgen sends IPv4 and UDP only: each packet becomes a frame of this load on its way out. */
SEC("tc")
int load_rewrite(struct __sk_buff *ctx)
{
	struct load_frame *frame = (void *)(long)ctx->data;

	if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
		return TC_ACT_OK;
	frame_write(frame);
	return TC_ACT_OK;
}

static __always_inline bool is_arp(const void *data)
{
	return ((const struct ethhdr *)data)->h_proto == bpf_htons(ETH_P_ARP);
}

/* Is what lies between @data and @end an answer to a request of this load? Its target in
 * *ret_target. */
static __always_inline bool answer_right(void *data, void *end, __u32 *ret_target)
{
	struct load_frame *frame = data;
	__u64 difference;
	__u32 target;
	__u16 last = *(__u16 *)(data + ARP_END - 2);

	difference = (frame->word[0] ^ answer.word[0]) | (frame->word[1] ^ answer.word[1]) |
		     (frame->word[2] ^ answer.word[2]);
	if (answer_in_tpa) {
		target = frame->word[4] >> 48 | (__u32)last << 16;
		difference |= (frame->word[3] ^ answer.word[3]) | (frame->word[4] ^ answer.word[4])
									  << 16;
	} else {
		target = frame->word[SPA_WORD] >> 32;
		difference |= (__u32)frame->word[3] ^ (__u32)answer.word[3];
		difference |= frame->word[4] ^ answer.word[4];
		difference |= last ^ (__u16)answer.word[5];
	}
	if (answer_trailer) {
		if ((void *)(frame + 1) > end)
			return false;
		difference |= (frame->word[5] ^ answer.word[5]) >> 16;
		difference |= (frame->word[6] ^ answer.word[6]) | (frame->word[7] ^ answer.word[7]);
	}
	target = bpf_ntohl(target);
	*ret_target = target;
	return !difference && target - first_target < target_count;
}

/* True if the frame is part of the test. */
static __always_inline bool answer_count(void *data, void *end)
{
	struct load_counts *here = counts_here();
	__u32 target;

	if (data + ARP_END > end || !is_arp(data)) {
		here->other++;
		return false;
	}
	if (!answer_right(data, end, &target)) {
		/* what the device asks, of its own accord, is no answer */
		if (!answer_in_tpa && *(__be16 *)(data + ARP_OP) == bpf_htons(1)) {
			here->other++;
			return false;
		}
		here->wrong++;
		return true;
	}
	here->right++;
	if (proving)
		target_seen(target);
	return true;
}

SEC("xdp")
int load_sink(struct xdp_md *ctx)
{
	return answer_count((void *)(long)ctx->data, (void *)(long)ctx->data_end) ? XDP_DROP
										  : XDP_PASS;
}

/* For answers that are skbs anyway: a native XDP sink would have each copied into a page first, and
 * its time charged to who sent it. */
SEC("tc")
int load_sink_skb(struct __sk_buff *ctx)
{
	return answer_count((void *)(long)ctx->data, (void *)(long)ctx->data_end) ? TC_ACT_SHOT
										  : TC_ACT_OK;
}

/* Behind the device under test: what it passed up, which must be as it was sent. The templates
 * carry their number in the last byte. */
SEC("tc")
int load_sink_passed(struct __sk_buff *ctx)
{
	struct load_frame *frame = (void *)(long)ctx->data;
	struct load_counts *here = counts_here();
	__u64 difference = 0, target_bits[LOAD_WORDS] = {};
	__u32 i;

	if ((void *)(frame + 1) > (void *)(long)ctx->data_end) {
		here->other++;
		return TC_ACT_OK;
	}
	i = frame->word[7] >> 56 & (LOAD_TEMPLATES - 1);
	if (template_asks >> i & 1) {
		target_bits[4] = 0xffff000000000000ULL;
		target_bits[5] = 0xffff;
	}
	for (int word = 0; word < LOAD_WORDS; word++)
		difference |= (frame->word[word] ^ templates[i].word[word]) & ~target_bits[word];
	if (difference)
		here->wrong++;
	else
		here->right++;
	return TC_ACT_SHOT;
}

/* Behind the device under test, in mixed traffic: requests go on to whoever answers there. */
SEC("tc")
int load_drop_passed(struct __sk_buff *ctx)
{
	return ctx->protocol == bpf_htons(ETH_P_ARP) ? TC_ACT_OK : TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual BSD/GPL";
