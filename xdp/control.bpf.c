// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The maps that only user space uses, and programs, run by BPF_PROG_RUN, that change entries in
 * place. A map update from user space would replace the element, and lose the answers counted since
 * it was read.
 */
#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "filters.bpf.h"
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

/* The common part of both families' entries, from the head on. */
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

/* Returns the entry of @target, or NULL. The barriers keep clang from adding to a pointer before
 * its NULL check, which the verifier rejects. */
static struct entry_tail *entry_find(const struct control_key *target)
{
	struct responder_v6_key key6 = { .ifindex = target->ifindex };
	struct responder_v4_key key4 = { .ifindex = target->ifindex };
	struct responder_v4_entry *entry4;
	struct responder_v6_entry *entry6;

	if (is_mapped(target->address)) {
		__builtin_memcpy(&key4.ip4, target->address + 12, sizeof(key4.ip4));
		entry4 = bpf_map_lookup_elem(&responder_v4, &key4);
		if (!entry4)
			return NULL;
		barrier_var(entry4);
		return (void *)&entry4->head;
	}
	__builtin_memcpy(key6.ip6, target->address, sizeof(key6.ip6));
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
	/* one store, so that a reader sees either the old MAC or the new one */
	*(volatile __u64 *)&entry->head = *(__u64 *)&args->head;
	return CONTROL_DONE;
}

/*
 * Overwrites the key in the entry's value with its complement, then deletes the entry. A lookup
 * that still holds the element reads its head before the key in the value (key_after()). The
 * exchange is a full barrier: a reader that sees a head written to the reused element also sees the
 * complement, or what overwrote it. In every byte in which the new key differs from @key, so do
 * both, so the value never matches @key, whatever the order and size of the kernel's stores.
 *
 * The caller may not hold the writers' lock, and may be preempted after its lookup of @entry: if
 * the element has another key since, that is left alone.
 */
static int delete_v4(struct responder_v4_entry *entry, const struct responder_v4_key *key)
{
	__u64 word = *(const __u64 *)key;

	__sync_val_compare_and_swap((__u64 *)&entry->key, word, ~word);
	/* also a damaged entry, and one that another caller is about to delete */
	return bpf_map_delete_elem(&responder_v4, key) ? CONTROL_ABSENT : CONTROL_DONE;
}

static int remove_v4(const struct control_key *target)
{
	struct responder_v4_key key = { .ifindex = target->ifindex };
	struct responder_v4_entry *entry;

	__builtin_memcpy(&key.ip4, target->address + 12, sizeof(key.ip4));
	entry = bpf_map_lookup_elem(&responder_v4, &key);
	return entry ? delete_v4(entry, &key) : CONTROL_ABSENT;
}

/* The three words can't be exchanged together. Whoever exchanges the second one deletes the entry,
 * so the element isn't reused before all three are complements. */
static int delete_v6(struct responder_v6_entry *entry, const struct responder_v6_key *key)
{
	volatile __u64 *copy = (volatile __u64 *)&entry->key;
	__u64 half[2], second;

	__builtin_memcpy(half, key->ip6, sizeof(half));
	second = __sync_val_compare_and_swap((__u64 *)&copy[1], half[1], ~half[1]);
	/* another caller deletes it; once all three are complements, so may this one */
	if (second == ~half[1] && copy[2] == key->ifindex &&
	    (copy[0] == half[0] || copy[0] == ~half[0]))
		return CONTROL_ABSENT;
	if (second == half[1] && copy[0] == half[0] && copy[2] == key->ifindex) {
		copy[0] = ~half[0];
		__sync_lock_test_and_set((__u64 *)&copy[2], ~(__u64)key->ifindex);
	} else if (second == half[1]) {
		/* of another key that has the same second word */
		__sync_val_compare_and_swap((__u64 *)&copy[1], ~half[1], half[1]);
	}
	return bpf_map_delete_elem(&responder_v6, key) ? CONTROL_ABSENT : CONTROL_DONE;
}

static int remove_v6(const struct control_key *target)
{
	struct responder_v6_key key = { .ifindex = target->ifindex };
	struct responder_v6_entry *entry;

	__builtin_memcpy(key.ip6, target->address, sizeof(key.ip6));
	entry = bpf_map_lookup_elem(&responder_v6, &key);
	return entry ? delete_v6(entry, &key) : CONTROL_ABSENT;
}

static int entry_remove(const struct control_key *target)
{
	int result = is_mapped(target->address) ? remove_v4(target) : CONTROL_ABSENT;

	/* also an IPv4-mapped address, which somebody else wrote there */
	return remove_v6(target) == CONTROL_DONE ? CONTROL_DONE : result;
}

SEC("syscall")
int control_remove(struct control_key *args)
{
	return entry_remove(args);
}

/*
 * Writes the head of a leased entry: for the agent, which doesn't hold the writers' lock
 * (leased.h). The exchange fails if the head has changed meanwhile.
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

/* Removes an entry if it is leased: for the agent, as above. */
SEC("syscall")
int control_remove_leased(struct control_key *args)
{
	struct entry_tail *entry = entry_find(args);

	if (!entry)
		return CONTROL_ABSENT;
	if (entry->head.lease == L2RESP_LEASE_FOREVER)
		return CONTROL_BY_HAND;
	return entry_remove(args);
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
 * Checks the deadline here: a caller that was stopped before this call has one that has passed, and
 * one further ahead than a lease lasts was computed from another clock.
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

/* Returns the boot clock that deadlines are compared with. */
SEC("syscall")
int control_boot_ms(const void *context)
{
	return bpf_ktime_get_boot_ns() / 1000000;
}

char _license[] SEC("license") = "Dual BSD/GPL";
