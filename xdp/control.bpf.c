// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * User space's side of the maps: those that only user space reads, and changes to entries in place,
 * run through BPF_PROG_RUN. A map update from user space would replace the element, and lose the
 * answers counted since it was read.
 */
#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "maps.bpf.h"
#include "control.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
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

/* What is alike in the entries of both families, from the head on. */
struct entry_tail {
	struct entry_head head;
	__u64 responses_sent;
};

static bool is_mapped(const __u8 address[16])
{
	__u64 high;
	__u32 low;

	__builtin_memcpy(&high, address, sizeof(high));
	__builtin_memcpy(&low, address + 8, sizeof(low));
	return !high && low == bpf_htonl(0xffff);
}

/* The entry of @wanted, or NULL. The barriers keep clang from adding to a pointer before it has
 * looked whether it is NULL, which the verifier refuses. */
static struct entry_tail *entry_find(const struct control_key *wanted)
{
	struct responder_v6_key key6 = { .ifindex = wanted->ifindex };
	struct responder_v4_key key4 = { .ifindex = wanted->ifindex };
	struct responder_v4_entry *entry4;
	struct responder_v6_entry *entry6;

	if (is_mapped(wanted->address)) {
		__builtin_memcpy(&key4.ip4, wanted->address + 12, sizeof(key4.ip4));
		entry4 = bpf_map_lookup_elem(&responder_v4, &key4);
		if (!entry4)
			return NULL;
		barrier_var(entry4);
		return (void *)&entry4->head;
	}
	__builtin_memcpy(key6.ip6, wanted->address, sizeof(key6.ip6));
	entry6 = bpf_map_lookup_elem(&responder_v6, &key6);
	if (!entry6)
		return NULL;
	barrier_var(entry6);
	return (void *)&entry6->head;
}

SEC("syscall")
int control_set_head(struct control_set_head *args)
{
	struct entry_tail *entry = entry_find(&args->key);

	if (!entry)
		return CONTROL_ABSENT;
	/* one store: a reader sees the old MAC or the new one */
	*(volatile __u64 *)&entry->head = *(__u64 *)&args->head;
	return CONTROL_DONE;
}

/*
 * Overwrites the copy of @key that its entry carries with the complement, then deletes the entry. A
 * look-up that still holds the element reads its head before that copy (key_after()). The exchange
 * is a full barrier: a head written into the element later is seen together with the complement, or
 * with what was written over it. Each of their bytes differs from @key's where the new key does, so
 * the copy never reads as @key, whatever the order and size of the kernel's stores.
 */
static int remove_v4(const struct control_key *wanted)
{
	struct responder_v4_key key = { .ifindex = wanted->ifindex };
	struct responder_v4_entry *entry;

	__builtin_memcpy(&key.ip4, wanted->address + 12, sizeof(key.ip4));
	entry = bpf_map_lookup_elem(&responder_v4, &key);
	if (!entry)
		return CONTROL_ABSENT;
	__sync_lock_test_and_set((__u64 *)&entry->key, ~*(__u64 *)&key);
	bpf_map_delete_elem(&responder_v4, &key);
	return CONTROL_DONE;
}

static int remove_v6(const struct control_key *wanted)
{
	struct responder_v6_key key = { .ifindex = wanted->ifindex };
	struct responder_v6_entry *entry;
	volatile __u64 *copy;
	__u64 half[2];

	__builtin_memcpy(half, wanted->address, sizeof(half));
	__builtin_memcpy(key.ip6, half, sizeof(half));
	entry = bpf_map_lookup_elem(&responder_v6, &key);
	if (!entry)
		return CONTROL_ABSENT;
	copy = (volatile __u64 *)&entry->key;
	copy[0] = ~half[0];
	copy[1] = ~half[1];
	__sync_lock_test_and_set((__u64 *)&copy[2], ~(__u64)key.ifindex);
	bpf_map_delete_elem(&responder_v6, &key);
	return CONTROL_DONE;
}

SEC("syscall")
int control_remove(struct control_key *args)
{
	return is_mapped(args->address) ? remove_v4(args) : remove_v6(args);
}

/*
 * Writes the head of an entry that is leased: for the agent, which doesn't hold the writers' lock
 * (leased.h). The exchange fails if the head became another in between.
 */
SEC("syscall")
int control_set_leased(struct control_set_head *args)
{
	struct entry_tail *entry = entry_find(&args->key);
	__u64 before;

	if (!entry)
		return CONTROL_ABSENT;
	before = *(volatile __u64 *)&entry->head;
	if (((struct entry_head *)&before)->lease == L2RESP_LEASE_FOREVER ||
	    __sync_val_compare_and_swap((__u64 *)&entry->head, before, *(__u64 *)&args->head) !=
		    before)
		return CONTROL_BY_HAND;
	return CONTROL_DONE;
}

/* Removes an entry if it is leased; by the agent, as above. */
SEC("syscall")
int control_remove_leased(struct control_key *args)
{
	struct entry_tail *entry = entry_find(args);

	if (!entry)
		return CONTROL_ABSENT;
	if (entry->head.lease == L2RESP_LEASE_FOREVER)
		return CONTROL_BY_HAND;
	return control_remove(args);
}

SEC("syscall")
int control_add_answers(struct control_add_answers *args)
{
	struct entry_tail *entry = entry_find(&args->key);

	if (!entry)
		return CONTROL_ABSENT;
	__sync_fetch_and_add(&entry->responses_sent, args->answers);
	return CONTROL_DONE;
}

/*
 * The deadline is absolute, so that a caller that was stopped on its way here can't write a stale
 * one. One that is further ahead than a lease lasts was computed from another clock.
 */
SEC("syscall")
int control_set_stamp(struct control_set_stamp *args)
{
	__u64 now = bpf_ktime_get_boot_ns(), deadline = args->deadline_ns;
	__u32 slot = args->slot;
	struct lease_stamp *stamp = bpf_map_lookup_elem(&leases, &slot);

	if (!stamp)
		return CONTROL_ABSENT;
	if (deadline <= now)
		return CONTROL_PAST;
	if (deadline - now > args->duration_ns)
		return CONTROL_FAR;
	*(volatile __u64 *)&stamp->deadline_ns = deadline;
	return CONTROL_DONE;
}

/* The boot clock as a lease is compared with it. */
SEC("syscall")
int control_boot_ms(const void *context)
{
	return bpf_ktime_get_boot_ns() / 1000000;
}

char _license[] SEC("license") = "Dual BSD/GPL";
