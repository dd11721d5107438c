/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counting: outcomes by interface, answers by address, conflicts by the host that caused them. */
#ifndef XDP_L2RESP_COUNT_BPF_H
#define XDP_L2RESP_COUNT_BPF_H

#include "mac.bpf.h"
#include "maps.bpf.h"

/* Set by the loader before load. L2RESP_COUNTERS_NONE: explain's program, which writes no map. */
const volatile __u32 counters_slot;

#define CONFLICT_EVENT_INTERVAL_NS 1000000000ULL

static __always_inline int verdict(enum outcome outcome)
{
	return outcome_is_answer(outcome) ? XDP_TX : XDP_PASS;
}

/* Returns @verdict. Without the barrier clang sets it before the preceding calls, and saves a
 * register for every frame. */
static __always_inline int verdict_here(int verdict)
{
	barrier_var(verdict);
	return verdict;
}

static __always_inline void count_outcome(enum outcome outcome)
{
	/* use the constant as the key, without a copy on the stack */
	struct outcome_counts *counts =
		bpf_map_lookup_elem(&counters, (const void *)&counters_slot);

	if (counts)
		counts->count[outcome]++;
}

/* Counts a frame that isn't answered, and returns @outcome. */
__noinline enum outcome count_silence(enum outcome outcome)
{
	if (outcome < OUTCOME_COUNT)
		count_outcome(outcome);
	return outcome;
}

/* Counts an answer for the interface, as @outcome, and in the entry's @responses_sent. */
static __always_inline void count_answer(enum outcome outcome, __u64 *responses_sent)
{
	struct outcome_counts *counts =
		bpf_map_lookup_elem(&counters, (const void *)&counters_slot);

	if (!counts)
		return; /* explain's program */
	counts->count[outcome]++;
	__sync_fetch_and_add(responses_sent, 1);
}

/* Sends a conflict to the agent, at most once a second: *@told_ns is the time of the address's last
 * event, shared by all MACs, so that a flood from many MACs is limited, too. */
static __always_inline void report_conflict(const struct conflict_key *key, struct conflict *seen,
					    __u64 *told_ns, __u64 now_ns)
{
	__u64 last_ns = *told_ns;
	struct conflict_event event = { .key = *key, .count = seen->count, .seen_ns = now_ns };

	if (last_ns && now_ns - last_ns < CONFLICT_EVENT_INTERVAL_NS)
		return;
	/* if several CPUs get here, one of them reports */
	if (__sync_val_compare_and_swap(told_ns, last_ns, now_ns) != last_ns)
		return;
	/* no room: let the next frame report */
	if (bpf_ringbuf_output(&events, &event, sizeof(event), 0))
		*told_ns = last_ns;
}

/*
 * Records that another host, @mac, used the address of @key, and fills in @key's MAC. The LRU
 * evicts the oldest record.
 */
static __always_inline void count_conflict(struct conflict_key *key, mac_t mac, __u64 *told_ns)
{
	__u64 now_ns = bpf_ktime_get_boot_ns();
	struct conflict first = {}, *seen;

	if (counters_slot == L2RESP_COUNTERS_NONE)
		return;
	mac_store(key->mac, mac);
	seen = bpf_map_lookup_elem(&conflicts, key);
	if (!seen) {
		bpf_map_update_elem(&conflicts, key, &first, BPF_NOEXIST);
		seen = bpf_map_lookup_elem(&conflicts, key);
		if (!seen)
			return;
	}
	__sync_fetch_and_add(&seen->count, 1);
	seen->last_seen_ns = now_ns;
	report_conflict(key, seen, told_ns, now_ns);
}

#endif
