// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The XDP program, compiled for this machine from its own source, beside the reference responder:
 * the same verdict, bytes, outcome, conflict and record for any frame and whatever it was told.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "l2resp.bpf.c" /* NOLINT(bugprone-suspicious-include) */

#include "input.h"

#define BOOT_NS	      (5 * CONFLICT_EVENT_INTERVAL_NS)
#define COUNTERS_SLOT 3

struct sample {
	const char *what; /* is run */
	size_t linear, length;
	uint8_t in[NATIVE_FRAME_MAX];
	uint8_t wanted[NATIVE_FRAME_MAX];
	struct reference_result reference;
};

static void dump(const char *what, const uint8_t *bytes, size_t length)
{
	fprintf(stderr, "%s, %zu bytes:", what, length);
	for (size_t i = 0; i < length; i++)
		fprintf(stderr, "%s%02x", i % 16 ? " " : "\n  ", bytes[i]);
	fputc('\n', stderr);
}

static void check(const struct sample *sample, bool holds, const char *what, long long got,
		  long long wanted)
{
	if (holds)
		return;
	fprintf(stderr, "%s: %s: %lld, the reference has %lld (outcome %d)\n", sample->what, what,
		got, wanted, sample->reference.outcome);
	dump("frame", sample->in, sample->linear);
	dump("wanted", sample->wanted, sample->linear);
	abort();
}

static void check_equal(const struct sample *sample, const char *what, long long got,
			long long wanted)
{
	check(sample, got == wanted, what, got, wanted);
}

static void check_bytes(const struct sample *sample, const char *what, const void *got,
			const void *wanted, size_t length)
{
	if (!memcmp(got, wanted, length))
		return;
	dump("got", got, length);
	check(sample, false, what, 0, 0);
}

static void rodata_set(uint32_t slot)
{
	uint32_t device = INPUT_DEVICE_OF(0);

	native_rodata_write(&attached_ifindex, &device, sizeof(device));
	native_rodata_write(&counters_slot, &slot, sizeof(slot));
}

static void entry_add(const uint8_t ip[16], uint8_t carried, uint32_t ifindex,
		      struct entry_head head)
{
	struct responder_v4_entry entry4 = { .head = head };
	struct responder_v6_entry entry6 = { .head = head };
	static const uint8_t mapped[12] = { [10] = 0xff, 0xff };

	if (!memcmp(ip, mapped, sizeof(mapped))) {
		struct responder_v4_key key = { .ifindex = ifindex };

		memcpy(&key.ip4, ip + 12, 4);
		entry4.key = key;
		((uint8_t *)&entry4.key.ip4)[3] ^= carried;
		bpf_map_update_elem(&responder_v4, &key, &entry4, BPF_NOEXIST);
	} else {
		struct responder_v6_key key = { .ifindex = ifindex };

		memcpy(key.ip6, ip, 16);
		entry6.key = key;
		entry6.key.ip6[15] ^= carried;
		bpf_map_update_elem(&responder_v6, &key, &entry6, BPF_NOEXIST);
	}
}

/* The edges: one nanosecond, none. */
static const struct lease_stamp stamps[] = {
	[INPUT_FOREVER] = {},
	[INPUT_FRESH] = { .deadline_ns = UINT64_MAX },
	[INPUT_CLOSE] = { .deadline_ns = BOOT_NS + 1 },
	[INPUT_LAPSED] = { .deadline_ns = BOOT_NS },
};

static void maps_fill(const struct input *input, const struct reference *told)
{
	for (uint32_t slot = 1; slot < sizeof(stamps) / sizeof(stamps[0]); slot++)
		bpf_map_update_elem(&leases, &slot, &stamps[slot], BPF_ANY);
	for (int i = 0; i < INPUT_ADDRESSES; i++) {
		uint8_t kind = input->address[i].kind, ip[16];
		struct entry_head head = {
			.flags = kind & INPUT_NO_OVERRIDE ? ENTRY_NO_OVERRIDE : 0,
			.lease = input_lease(input, i),
		};

		memcpy(head.mac, input_mac(kind), 6);
		input_address(kind, input->address[i].host, ip);
		entry_add(ip, kind & INPUT_REUSED ? 1 : 0,
			  INPUT_DEVICE_OF((kind & INPUT_DEVICE) >> 3), head);
	}
	for (size_t i = 0; i < told->vlans; i++) {
		struct vlan_key key = { .parent = told->vlan[i].parent,
					.protocol = bpf_htons(told->vlan[i].protocol),
					.vid = told->vlan[i].vid };

		bpf_map_update_elem(&vlans, &key, &told->vlan[i].device, BPF_NOEXIST);
	}
}

/* Two of @input's addresses are one: which of them stands is no matter here. */
static bool is_ambiguous(const struct input *input)
{
	for (int i = 0; i < INPUT_ADDRESSES; i++)
		for (int j = 0; j < i; j++)
			if (input->address[i].host == input->address[j].host &&
			    !((input->address[i].kind ^ input->address[j].kind) &
			      (INPUT_V6 | INPUT_PREFIX | INPUT_DEVICE)))
				return true;
	return false;
}

static bool sample_make(const struct input *input, size_t size, struct reference *told,
			struct sample *sample)
{
	size_t length = size - sizeof(*input), trailer = 8UL * input->trailer;

	if (is_ambiguous(input) || length + trailer > INPUT_FRAME_MAX)
		return false;
	input_told(input, told);
	memcpy(sample->in, input->frame, length);
	for (size_t i = 0; i < trailer; i++)
		sample->in[length + i] = 0xa0 + i;
	sample->length = length + trailer;
	sample->linear =
		sample->length - (input->fragments < sample->length ? input->fragments : 0);
	memcpy(sample->wanted, sample->in, sample->length);
	sample->reference = reference_respond(told, sample->wanted, sample->linear,
					      sample->length - sample->linear);
	return true;
}

static struct xdp_md world_make(const struct input *input, const struct reference *told,
				const struct sample *sample, uint32_t slot, bool traced)
{
	struct xdp_md ctx = {};

	native_reset();
	rodata_set(slot);
	maps_fill(input, told);
	memset(native.lookups, 0, sizeof(native.lookups));
	native.boot_ns = BOOT_NS;
	native.csum_folded = input->flags & INPUT_CSUM_FOLDED;
	native.hashes_full = input->flags & INPUT_HASHES_FULL;
	native.rings_full = input->flags & INPUT_RINGS_FULL;
	native.in_fragments = sample->length - sample->linear;
	memcpy(native.fragments, sample->in + sample->linear, native.in_fragments);
	trace_control = (struct trace_control){
		.on = traced,
		.until_ns = input->flags & INPUT_TRACE_OVER ? BOOT_NS - 1 : BOOT_NS,
	};
	native_packet(&ctx, sample->in, sample->linear);
	return ctx;
}

static void check_frame(const struct sample *sample, const struct xdp_md *ctx)
{
	check_equal(sample, "length", ctx->data_end - ctx->data, sample->linear);
	check_bytes(sample, "frame", native.packet, sample->wanted, sample->linear);
}

static void check_counters(const struct sample *sample, uint32_t slot)
{
	const struct outcome_counts *counts = bpf_map_lookup_elem(&counters, &slot);

	static const char *const names[] = {
#define OUTCOME_NAME(id, name, text) [OUTCOME_##id] = #name,
		OUTCOMES(OUTCOME_NAME)
#undef OUTCOME_NAME
	};

	for (enum outcome i = 0; i < OUTCOME_COUNT; i++)
		check_equal(sample, names[i], counts->count[i],
			    i == sample->reference.outcome || (i == OUTCOME_ARP_SHA_MISMATCH &&
							       sample->reference.sha_mismatch));
}

static void check_responses(const struct sample *sample, const struct reference *told)
{
	for (size_t i = 0; i < told->addresses; i++) {
		const struct reference_address *address = &told->address[i];
		struct responder_v4_key key4 = { .ifindex = address->device };
		struct responder_v6_key key6 = { .ifindex = address->device };
		const struct responder_v4_entry *entry4;
		const struct responder_v6_entry *entry6;
		__u64 sent;

		memcpy(&key4.ip4, address->ip + 12, 4);
		memcpy(key6.ip6, address->ip, 16);
		entry4 = bpf_map_lookup_elem(&responder_v4, &key4);
		entry6 = bpf_map_lookup_elem(&responder_v6, &key6);
		sent = address->ip[10] == 0xff && !address->ip[0] ? entry4->responses_sent
								  : entry6->responses_sent;
		check_equal(sample, "responses_sent", sent, address == sample->reference.answered);
	}
}

/* An answer costs one look-up of an address, and none of who was in conflict with whom: neither
 * many addresses nor a flood of conflicts make it slower. */
static void check_lookups(const struct sample *sample)
{
	if (!sample->reference.answered)
		return;
	check_equal(sample, "look-ups of addresses",
		    native_lookups(&responder_v4) + native_lookups(&responder_v6), 1);
	check_equal(sample, "look-ups of conflicts", native_lookups(&conflicts), 0);
}

/* The conflict that @sample has to be, seen @times. */
static void check_conflict(const struct sample *sample, __u64 times)
{
	const struct reference_address *address = sample->reference.conflict;
	struct conflict_key key = {};
	const struct conflict *conflict;

	if (!address)
		return;
	memcpy(key.address, address->ip, sizeof(key.address));
	memcpy(key.mac, sample->reference.conflict_mac, sizeof(key.mac));
	key.ifindex = address->device;
	conflict = bpf_map_lookup_elem(&conflicts, &key);
	check_equal(sample, "a conflict is recorded", conflict != NULL, !native.hashes_full);
	if (!conflict)
		return;
	check_equal(sample, "frames in conflict", conflict->count, times);
	check_equal(sample, "conflict seen at", conflict->last_seen_ns, native.boot_ns);
}

/* An event for the first frame, and then for one a second at the most. */
static void check_events(const struct sample *sample, struct xdp_md *ctx)
{
	const struct lease_stamp forever = { .deadline_ns = UINT64_MAX };
	const struct conflict_event *event = native.record;
	__u32 close = INPUT_CLOSE;

	if (!sample->reference.conflict || native.hashes_full || native.rings_full ||
	    trace_control.on)
		return;
	check_equal(sample, "events", native.records, 1);
	check_bytes(sample, "event's address", event->key.address, sample->reference.conflict->ip,
		    sizeof(event->key.address));
	check_bytes(sample, "event's MAC", event->key.mac, sample->reference.conflict_mac,
		    sizeof(event->key.mac));
	check_equal(sample, "event's device", event->key.ifindex,
		    sample->reference.conflict->device);
	check_equal(sample, "event's count", event->count, 1);
	check_equal(sample, "event's time", event->seen_ns, BOOT_NS);
	bpf_map_update_elem(&leases, &close, &forever, BPF_ANY);
	for (int i = 0; i < 2; i++) {
		native.boot_ns = BOOT_NS + CONFLICT_EVENT_INTERVAL_NS - 1 + i;
		xdp_l2resp(ctx);
		check_conflict(sample, 2 + i);
		check_equal(sample, "events", native.records, 1 + i);
	}
}

static void check_trace(const struct sample *sample, const struct input *input)
{
	bool over = input->flags & INPUT_TRACE_OVER, full = native.rings_full;
	const struct trace_record *record = native.record;
	size_t captured =
		sample->length < L2RESP_TRACE_SNAPLEN ? sample->length : L2RESP_TRACE_SNAPLEN;

	if (!(input->flags & INPUT_TRACED))
		return;
	if (sample->reference.outcome == OUTCOME_COUNT) {
		check_equal(sample, "records", native.records, 0);
		check_equal(sample, "trace: lost", trace_control.lost, 0);
		return;
	}
	check_equal(sample, "trace: on", trace_control.on, !over);
	check_equal(sample, "trace: lost", trace_control.lost, !over && full);
	if (over || full)
		return;
	check(sample, record, "a record", 0, 1);
	check_equal(sample, "trace: outcome", record->outcome, sample->reference.outcome);
	check_equal(sample, "trace: time", record->seen_ns, BOOT_NS);
	check_equal(sample, "trace: device", record->ifindex, INPUT_DEVICE_OF(0));
	check_equal(sample, "trace: length", record->length, sample->length);
	check_equal(sample, "trace: captured", record->captured, captured);
	check_equal(sample, "trace: replied", record->replied, sample->reference.answered != NULL);
	check_bytes(sample, "trace: request", record->request, sample->in, captured);
	if (record->replied)
		check_bytes(sample, "trace: reply", record->reply, sample->wanted, captured);
}

/* The program as it is attached. */
static void run_attached(const struct input *input, const struct reference *told,
			 struct sample *sample)
{
	struct xdp_md ctx =
		world_make(input, told, sample, COUNTERS_SLOT, input->flags & INPUT_TRACED);

	sample->what = "xdp_l2resp";
	check_equal(sample, "verdict", xdp_l2resp(&ctx),
		    sample->reference.answered ? XDP_TX : XDP_PASS);
	check_frame(sample, &ctx);
	check_lookups(sample);
	check_counters(sample, COUNTERS_SLOT);
	check_responses(sample, told);
	check_conflict(sample, 1);
	check_trace(sample, input);
	check_events(sample, &ctx);
}

/* explain's program: it says the outcome, and leaves no trace of it. */
static void run_explain(const struct input *input, const struct reference *told,
			struct sample *sample)
{
	struct xdp_md ctx = world_make(input, told, sample, L2RESP_COUNTERS_NONE, false);
	const struct reference_address *answered = sample->reference.answered;

	sample->what = "l2resp_explain";
	check_equal(sample, "outcome", l2resp_explain(&ctx), sample->reference.outcome);
	check_frame(sample, &ctx);
	check_equal(sample, "events", native.records, 0);
	sample->reference.answered = NULL;
	check_responses(sample, told);
	sample->reference.answered = answered;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct input *input = (const void *)data;
	struct reference told;
	struct sample sample;

	if (size < sizeof(*input) || !sample_make(input, size, &told, &sample))
		return 0;
	run_attached(input, &told, &sample);
	run_explain(input, &told, &sample);
	native_reset();
	return 0;
}
