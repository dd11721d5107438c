/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attaches the programs of a load. */
#ifndef XDP_L2RESP_BENCH_LOAD_HOOK_H
#define XDP_L2RESP_BENCH_LOAD_HOOK_H

#include "err.h"
#include "frames.h"
#include "lane.h"
#include "load.skel.h"

#define LOAD_GENERATOR_IFINDEX 1 /* lo, which receives nothing */

/* Attaches the program that counts the answers, or the frames passed by the device. */
int load_hook_sink(const struct lane *lane, const struct load_options *options,
		   const struct load_bpf *skeleton, struct err *err);

/*
 * The first call of BPF_PROG_RUN adds a program to the kernel's XDP dispatcher, and the last takes
 * it out, and both wait for all CPUs. One that is attached somewhere stays in it.
 */
int load_hook_generator(const struct lane *lane, const struct load_options *options,
			const struct load_bpf *skeleton, struct err *err);

/* Detaches both. */
void load_unhook(const struct lane *lane, const struct load_options *options);

#endif
