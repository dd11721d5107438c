// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * User space's side of the maps: those that only user space reads, and changes to entries in place,
 * run through BPF_PROG_RUN. A map update from user space would replace the element, and lose the
 * answers counted since it was read.
 */
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "maps.bpf.h"
#include "control.h"
#include "shard.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, L2RESP_MAX_DEVICES);
	__type(key, __u32);
	__type(value, struct device);
} devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pins_meta);
} meta SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, L2RESP_MAX_FILTERS);
	__type(key, struct filter_key);
	__type(value, __u32);
} filters SEC(".maps");

SEC("syscall")
int control_set_head(struct control_set_head *args)
{
	struct responder_v4_key key = args->key;
	struct responder_v4_entry *entry = bpf_map_lookup_elem(&responder_v4, &key);

	if (!entry)
		return CONTROL_ABSENT;
	/* one store: a reader sees the old MAC or the new one */
	*(volatile __u64 *)&entry->head = *(__u64 *)&args->head;
	return CONTROL_DONE;
}

SEC("syscall")
int control_add_answers(struct control_add_answers *args)
{
	struct responder_v4_key key = args->key;
	struct responder_v4_entry *entry = bpf_map_lookup_elem(&responder_v4, &key);

	if (!entry)
		return CONTROL_ABSENT;
	/* on this CPU's shard, in one instruction: the data path's plain add on this CPU can't come
	 * in between */
	__sync_fetch_and_add(&entry->responses_sent[shard_of_cpu()], args->answers);
	return CONTROL_DONE;
}

char _license[] SEC("license") = "Dual BSD/GPL";
