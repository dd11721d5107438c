/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Shared by the load's BPF programs and user space. */
#ifndef XDP_L2RESP_BENCH_LOAD_H
#define XDP_L2RESP_BENCH_LOAD_H

#include <linux/types.h>

#define LOAD_MAX_CPUS  64
#define LOAD_TEMPLATES 16 /* a power of two: picked with a mask */
#define LOAD_WORDS     8

/* A whole frame of 64 bytes, as words: loads and stores of the generator and compares of the sink.
 */
struct load_frame {
	__u64 word[LOAD_WORDS];
};

/* Counts of the generator and the sinks: of one CPU, on its own cache lines. */
struct load_counts {
	__u64 sent;
	__u64 asked; /* of those sent, requests whose target the generator chose */
	__u64 right; /* answers, or passed frames, as expected in every byte */
	__u64 wrong;
	__u64 other;  /* other frames on the devices, sent by the kernel */
	__u64 random; /* state of the generator's pseudo-random numbers; not zero */
	__u64 next;   /* target, if they are requested in sequence */
	/* When the frames number mark and, after it, last were made: a call's own setting up and
	 * tearing down, tens of milliseconds, belong to nobody's rate. */
	__u64 mark;
	__u64 last;
	__u64 first_ns;
	__u64 last_ns;
} __attribute__((aligned(128)));

#endif
