/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Arguments and results of the programs in control.bpf.c. */
#ifndef XDP_L2RESP_CONTROL_H
#define XDP_L2RESP_CONTROL_H

#include "l2resp.h"

enum control_result {
	CONTROL_DONE,
	CONTROL_ABSENT,	 /* no such entry */
	CONTROL_PAST,	 /* the deadline has passed */
	CONTROL_FAR,	 /* the deadline is further ahead than a lease lasts */
	CONTROL_BY_HAND, /* the entry isn't leased: it was added by hand */
};

/* An entry of either family. */
struct control_key {
	__u8 address[16]; /* IPv4: mapped, ::ffff:a.b.c.d */
	__u32 ifindex;
};

struct control_set_head {
	struct control_key key;
	struct entry_head head;
};

struct control_add_answers {
	struct control_key key;
	__u64 answers;
};

struct control_set_stamp {
	__u32 slot;
	__u32 reserved;
	__u64 deadline_ns; /* CLOCK_BOOTTIME */
	__u64 duration_ns; /* of the lease: the deadline must not be further ahead */
};

#endif
