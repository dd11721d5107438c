/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's packet generator, if available: sends skbs through the whole transmit path. */
#ifndef XDP_L2RESP_BENCH_PKTGEN_H
#define XDP_L2RESP_BENCH_PKTGEN_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

/* True if the calling thread's network namespace has a pktgen. */
bool pktgen_here(void);

/* Sends @count packets of @size bytes out of @device, both of that namespace, from the first CPU;
 * returns when they are sent. */
int pktgen_send(const char *device, uint32_t count, unsigned int size, struct err *err);

#endif
