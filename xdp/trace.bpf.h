/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records frames as the driver received them, and their replies, which no packet capture sees. */
#ifndef XDP_L2RESP_TRACE_BPF_H
#define XDP_L2RESP_TRACE_BPF_H

#include "bounds.bpf.h"
#include "frame.bpf.h"
#include "maps.bpf.h"

/* True if the trace has a reader. Runs for every frame that may be answered: four instructions. */
static __always_inline bool trace_is_on(void)
{
	return trace_control.on;
}

/* Copies the frame's first @captured bytes, as they are now. */
static __always_inline void trace_copy(struct xdp_md *ctx, __u8 *to, __u64 captured)
{
	bpf_xdp_load_bytes(ctx, 0, to, length_bounded(captured, L2RESP_TRACE_SNAPLEN));
}

/*
 * Begins the record of a frame, before it is handled, for trace_end(); NULL: not recorded. Stops
 * the trace if the reader hasn't renewed it in time, since it may have been killed.
 */
static __always_inline struct trace_record *trace_begin(struct xdp_md *ctx)
{
	__u64 now_ns = bpf_ktime_get_boot_ns();
	struct trace_record *record;
	__u32 slot = 0;
	void *ring = bpf_map_lookup_elem(&trace, &slot);

	if (!ring || now_ns > trace_control.until_ns) {
		trace_control.on = 0;
		return NULL;
	}
	record = bpf_ringbuf_reserve(ring, sizeof(*record), 0);
	if (!record) {
		__sync_fetch_and_add(&trace_control.lost, 1);
		return NULL;
	}
	record->seen_ns = now_ns;
	record->ifindex = attached_ifindex;
	record->reserved = 0;
	record->length = bpf_xdp_get_buff_len(ctx);
	record->captured =
		record->length < L2RESP_TRACE_SNAPLEN ? record->length : L2RESP_TRACE_SNAPLEN;
	trace_copy(ctx, record->request, record->captured);
	return record;
}

/* Completes the record with the outcome and the reply. */
static __always_inline void trace_end(struct xdp_md *ctx, struct trace_record *record,
				      enum outcome outcome)
{
	record->outcome = outcome;
	record->replied = outcome_is_answer(outcome);
	if (record->replied)
		trace_copy(ctx, record->reply, record->captured);
	bpf_ringbuf_submit(record, 0);
}

#endif
