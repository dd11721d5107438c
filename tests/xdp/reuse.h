/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef XDP_L2RESP_TESTS_REUSE_H
#define XDP_L2RESP_TESTS_REUSE_H

#include "control.h"

struct reuse {
	struct control_key removed;
	struct {
		struct responder_v4_entry held; /* by a look-up, while it is removed */
		struct responder_v4_entry next; /* gets its element */
	} v4;
	struct {
		struct responder_v6_entry held;
		struct responder_v6_entry next;
	} v6;
	/* the element's copy of its key: once it is removed, once another address has it, and once
	 * the former is removed again */
	__u8 copy_removed[sizeof(struct responder_v6_key)];
	__u8 copy_reused[sizeof(struct responder_v6_key)];
	__u8 copy_late[sizeof(struct responder_v6_key)];
	__u32 late; /* enum control_result of that */
};

#endif
