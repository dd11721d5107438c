/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU time of the kernel's softirq threads. What the network devices do runs in the sending thread,
 * at the end of each batch, and is charged to it; what is too much for that is left to these.
 */
#ifndef XDP_L2RESP_BENCH_SOFTIRQ_H
#define XDP_L2RESP_BENCH_SOFTIRQ_H

#include <stdint.h>

/* Of @cpu's thread since boot, in ns; 0 where it isn't to be seen. */
uint64_t softirq_thread_ns(int cpu);

#endif
