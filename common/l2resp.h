/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract between the XDP program and user space: map keys and values, as pinned under
 * <bpffs>/xdp-l2resp/v1/. A change of layout is a change of schema version, and of the directory's
 * name with it.
 */
#ifndef XDP_L2RESP_L2RESP_H
#define XDP_L2RESP_L2RESP_H

#include <linux/types.h>

#include "outcomes.h"

#define L2RESP_SCHEMA_VERSION 1

#define L2RESP_DEFAULT_MAX_ENTRIES (1 << 20)
#define L2RESP_FIRST_ROOM	   256 /* initial size of a map of addresses */
#define L2RESP_MAX_DEVICES	   256
#define L2RESP_LEASE_SLOTS	   256
#define L2RESP_PINS_DIR_SIZE	   128	/* longer paths are cut */
#define L2RESP_MAX_CONFLICTS	   4096 /* the LRU evicts none before */
#define L2RESP_MAX_FILTERS	   8192
#define L2RESP_MAX_VLANS	   512 /* two for each of L2RESP_MAX_DEVICES */
#define L2RESP_EVENTS_BYTES	   (1 << 15)
#define L2RESP_TRACE_BYTES	   (1 << 20)

/* counters_slot of a program that doesn't count or report: no such slot. */
#define L2RESP_COUNTERS_NONE L2RESP_MAX_DEVICES

/* Lease slot of addresses added by hand: its stamp never runs out. */
#define L2RESP_LEASE_FOREVER 0

/* Where a program's maps were pinned when it was attached: the directory, which begins with the
 * mount point of its bpffs, and the device number of that. */
struct pins_origin {
	char dir[L2RESP_PINS_DIR_SIZE];
	__u32 mount_point; /* its length */
	__u32 dev_major;
	__u32 dev_minor;
};

/* Key of responder_v4. ip4 in network byte order, ifindex of the device that the address was added
 * to. */
struct responder_v4_key {
	__be32 ip4;
	__u32 ifindex;
} __attribute__((aligned(8))); /* compared as one word */

enum entry_flags {
	/* the MAC was given with the address; without it the entry follows the device's MAC */
	ENTRY_MAC_FIXED = 1 << 0,
	/* IPv6: advertised without the override flag (RFC 4861 4.4) */
	ENTRY_NO_OVERRIDE = 1 << 1,
};

/* The MAC to answer with, and flags: read and written as one 8-byte word, so that a reader never
 * sees half of a MAC. */
struct entry_head {
	__u8 mac[6];
	__u8 flags; /* enum entry_flags */
	__u8 lease; /* slot in leases */
} __attribute__((aligned(8)));

/*
 * Value of responder_v4. It repeats the key, so that the program notices an element that was freed
 * and reused during its lookup, and doesn't answer with another address's MAC. All CPUs add to
 * responses_sent, atomically.
 */
struct responder_v4_entry {
	struct responder_v4_key key;
	struct entry_head head;
	__u64 responses_sent;
	__u64 told_ns; /* when the agent was last told of a conflict, CLOCK_BOOTTIME */
};

/* Key of responder_v6; ip6 in network byte order. */
struct responder_v6_key {
	__u8 ip6[16];
	__u32 ifindex;
};

/* Value of responder_v6, as that of responder_v4. */
struct responder_v6_entry {
	struct responder_v6_key key;
	__u32 reserved;
	struct entry_head head;
	__u64 responses_sent;
	__u64 told_ns; /* when the agent was last told of a conflict, CLOCK_BOOTTIME */
};

/*
 * Key of vlans: a VLAN tag of frames on an interface. The value is the ifindex of the VLAN device
 * with that tag. A frame with two tags needs two lookups: the outer tag's device is the parent of
 * the inner one's.
 */
struct vlan_key {
	__u32 parent;
	__be16 protocol; /* tag protocol identifier: 0x8100 or 0x88a8 */
	__u16 vid;	 /* 1..4094, host byte order */
};

/* Value of leases: until when entries with this slot answer. */
struct lease_stamp {
	__u64 deadline_ns; /* CLOCK_BOOTTIME */
};

/* Value of counters, per CPU: one slot per interface (struct device.counters_slot). */
struct outcome_counts {
	__u64 count[OUTCOME_COUNT];
};

/* Key and value of conflicts: another host that used one of our addresses. mac: its sender hardware
 * address; IPv6: its link-layer address option, or the Ethernet source if it has none. */
struct conflict_key {
	__u8 address[16]; /* IPv4: mapped, ::ffff:a.b.c.d */
	__u32 ifindex;
	__u8 mac[6];
	__u16 reserved;
};

struct conflict {
	__u64 count;
	__u64 last_seen_ns; /* CLOCK_BOOTTIME */
};

/* Record in events: a conflict, at most one a second for each address and interface, however many
 * MACs a flood has. */
struct conflict_event {
	struct conflict_key key;
	__u64 count;   /* frames so far */
	__u64 seen_ns; /* CLOCK_BOOTTIME */
};

#define L2RESP_TRACE_SNAPLEN 128

/* Record in trace: a frame with an outcome, and its reply. */
struct trace_record {
	__u64 seen_ns;	/* CLOCK_BOOTTIME */
	__u32 ifindex;	/* of the attached interface */
	__u32 outcome;	/* enum outcome */
	__u32 length;	/* of the frame; a reply is as long */
	__u32 captured; /* bytes in request, and in reply */
	__u32 replied;
	__u32 reserved;
	__u8 request[L2RESP_TRACE_SNAPLEN];
	__u8 reply[L2RESP_TRACE_SNAPLEN];
};

/* The only value of trace_control. */
struct trace_control {
	__u32 on;
	__u32 reserved;
	__u64 until_ns; /* CLOCK_BOOTTIME; then the data path stops, since its reader is gone */
	__u64 lost;	/* records dropped because trace was full */
};

/*
 * Value of devices, keyed by ifindex: the record of an interface with addresses or a program. It is
 * kept when the interface is deleted, so that its addresses can be shown, and are taken over by a
 * new interface of that name.
 */
struct device {
	char name[16];
	__u32 counters_slot;
	__u8 mac_end[4]; /* the last bytes of its MAC; zero: unknown */
};

enum filter_kind {
	FILTER_UNICAST,
	FILTER_GROUP,
	FILTER_ALL_GROUPS, /* IFF_ALLMULTI; its key has the broadcast MAC */
};

/* Key of filters: a MAC that we added to an interface's filter, and must remove again. The value is
 * its enum filter_kind. */
struct filter_key {
	__u32 ifindex;
	__u8 mac[6];
	__u16 reserved;
};

/* Value of meta, slot 0: the pins' version, owner and size. */
struct pins_meta {
	__u32 schema_version;
	__u32 unsettled;    /* programs may read older maps of addresses than the pinned ones */
	__u64 netns_cookie; /* SO_NETNS_COOKIE: unique until a reboot */
	__u32 max_entries;  /* up to which each family's map grows */
	__u32 reserved;
};

#endif
