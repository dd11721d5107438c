/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU time of the kernel's softirq threads. The network devices' work runs in the sending thread,
 * at the end of each batch, and is charged to it; only excess work is left to the softirq threads.
 */
#ifndef XDP_L2RESP_BENCH_SOFTIRQ_H
#define XDP_L2RESP_BENCH_SOFTIRQ_H

#include <stdint.h>

/* Returns the CPU time of @cpu's thread since boot, in ns; 0 if it isn't visible. */
uint64_t softirq_thread_ns(int cpu);

#endif
