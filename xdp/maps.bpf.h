/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The maps. Their pins have the same names, except trace_control's. Sizes are defaults: the loader
 * sets them before load, or uses the pinned map. The loader also pins them (not libbpf), since it
 * checks existing pins first.
 */
#ifndef XDP_L2RESP_MAPS_BPF_H
#define XDP_L2RESP_MAPS_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "l2resp.h"

/*
 * The interface that the program is attached to, set by the loader. Used instead of
 * ctx->ingress_ifindex, which on a bond is the slave's; a constant also costs nothing.
 */
const volatile __u32 attached_ifindex;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, L2RESP_FIRST_ROOM);
	__type(key, struct responder_v4_key);
	__type(value, struct responder_v4_entry);
} responder_v4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, L2RESP_FIRST_ROOM);
	__type(key, struct responder_v6_key);
	__type(value, struct responder_v6_entry);
} responder_v6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, L2RESP_MAX_VLANS);
	__type(key, struct vlan_key);
	__type(value, __u32);
} vlans SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, L2RESP_LEASE_SLOTS);
	__type(key, __u32);
	__type(value, struct lease_stamp);
} leases SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, L2RESP_MAX_DEVICES);
	__type(key, __u32);
	__type(value, struct outcome_counts);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, L2RESP_MAX_CONFLICTS);
	__type(key, struct conflict_key);
	__type(value, struct conflict);
} conflicts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, L2RESP_EVENTS_BYTES);
} events SEC(".maps");

/* The ring buffer that monitor reads. monitor creates it, with L2RESP_TRACE_BYTES, while it runs,
 * so that it needs no memory otherwise. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_RINGBUF);
			__uint(max_entries, 1 << 16);
		});
} trace SEC(".maps");

/*
 * A variable, so that the check whether the trace is on is one load without a lookup. All programs
 * share it: the map that libbpf creates for the section is pinned like the others.
 */
struct trace_control trace_control SEC(".data.trace");

#endif
