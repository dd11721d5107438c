/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef XDP_L2RESP_BOOT_CLOCK_H
#define XDP_L2RESP_BOOT_CLOCK_H

#include <stdint.h>

#include "err.h"

/* The clock that BPF programs read, in ns: CLOCK_BOOTTIME without boot_clock_offset_ns(). */
uint64_t boot_clock_ns(void);

/* How far CLOCK_BOOTTIME is ahead of that: the offset of the caller's time namespace. */
int64_t boot_clock_offset_ns(void);

/*
 * Checks that CLOCK_BOOTTIME is the clock that BPF programs read. In a time namespace it differs
 * (time_namespaces(7)), and lease deadlines would be wrong by the difference. Returns 0; -EXDEV
 * with @err if it differs; or the kernel's negative errno with @err.
 */
int boot_clock_check(struct err *err);

#endif
