/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counting: outcomes by interface, answers by address, conflicts by the host that caused them. */
#ifndef XDP_L2RESP_COUNT_BPF_H
#define XDP_L2RESP_COUNT_BPF_H

#include "mac.bpf.h"
#include "maps.bpf.h"
#include "shard.bpf.h"

/* Set by the loader before load. */
const volatile __u32 counters_slot;
/* More CPUs than shards: two may add to one, so the add is atomic. */
const volatile bool shards_shared = true;

static __always_inline void count_outcome(enum outcome outcome)
{
	/* the constant itself is the key: no copy on the stack */
	struct outcome_counts *counts =
		bpf_map_lookup_elem(&counters, (const void *)&counters_slot);

	if (counts)
		counts->count[outcome]++;
}

/* A frame that is passed up: counts it, and is the verdict. */
static __noinline int count_pass(enum outcome outcome)
{
	if (outcome < OUTCOME_COUNT)
		count_outcome(outcome);
	return XDP_PASS;
}

static __always_inline void count_response(struct responder_v4_entry *entry)
{
	__u32 shard = shard_of_cpu();

	if (shards_shared)
		__sync_fetch_and_add(&entry->responses_sent[shard], 1);
	else
		entry->responses_sent[shard]++;
}

/* Another host, @mac, used @ip4 on @ifindex. Creates the record on the first sight; the LRU forgets
 * the oldest. */
static __always_inline void count_conflict_v4(__be32 ip4, __u32 ifindex, mac_t mac)
{
	struct conflict_key key = { .address = { [10] = 0xff, [11] = 0xff }, .ifindex = ifindex };
	struct conflict first = { .count = 1, .last_seen_ns = bpf_ktime_get_boot_ns() };
	struct conflict *seen;

	__builtin_memcpy(&key.address[12], &ip4, sizeof(ip4));
	mac_store(key.mac, mac);
	seen = bpf_map_lookup_elem(&conflicts, &key);
	if (!seen) {
		bpf_map_update_elem(&conflicts, &key, &first, BPF_NOEXIST);
		return;
	}
	__sync_fetch_and_add(&seen->count, 1);
	seen->last_seen_ns = first.last_seen_ns;
}

#endif
