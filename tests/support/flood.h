/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What flood.c and its BPF programs share. */
#ifndef XDP_L2RESP_TESTS_FLOOD_H
#define XDP_L2RESP_TESTS_FLOOD_H

#include <linux/types.h>

#define FLOOD_MAX_CPUS 64

/* A whole frame, as words: 42 bytes of ARP over Ethernet and a trailer. */
struct flood_frame {
	__u64 word[8];
};

/* Of one CPU, on a cache line of its own. */
struct flood_counts {
	__u64 sent;
	__u64 right; /* came back as the reply that was expected, to the last byte */
	__u64 wrong;
} __attribute__((aligned(64)));

#endif
