// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A look-up that holds an element while it is removed and given to another address. One program
 * does all of it, so that nothing else comes in between.
 */
#include "control.bpf.c"
#include "reuse.h"

struct reuse reuse;

static __always_inline void copy_of(__u8 *to, const void *copy, __u32 size)
{
	for (__u32 i = 0; i < size; i++)
		to[i] = ((const volatile __u8 *)copy)[i];
}

SEC("syscall")
int reuse_v4(void *args)
{
	struct responder_v4_entry *held = bpf_map_lookup_elem(&responder_v4, &reuse.v4.held.key);

	if (!held || remove_v4(&reuse.removed) != CONTROL_DONE)
		return CONTROL_ABSENT;
	copy_of(reuse.copy_removed, &held->key, sizeof(held->key));
	bpf_map_update_elem(&responder_v4, &reuse.v4.next.key, &reuse.v4.next, BPF_NOEXIST);
	copy_of(reuse.copy_reused, &held->key, sizeof(held->key));
	/* as a second caller, which was preempted after its lookup */
	reuse.late = delete_v4(held, &reuse.v4.held.key);
	copy_of(reuse.copy_late, &held->key, sizeof(held->key));
	return CONTROL_DONE;
}

SEC("syscall")
int reuse_v6(void *args)
{
	struct responder_v6_entry *held = bpf_map_lookup_elem(&responder_v6, &reuse.v6.held.key);

	if (!held || remove_v6(&reuse.removed) != CONTROL_DONE)
		return CONTROL_ABSENT;
	copy_of(reuse.copy_removed, &held->key, sizeof(held->key));
	bpf_map_update_elem(&responder_v6, &reuse.v6.next.key, &reuse.v6.next, BPF_NOEXIST);
	copy_of(reuse.copy_reused, &held->key, sizeof(held->key));
	/* as a second caller, which was preempted after its lookup */
	reuse.late = delete_v6(held, &reuse.v6.held.key);
	copy_of(reuse.copy_late, &held->key, sizeof(held->key));
	return CONTROL_DONE;
}
