/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef XDP_L2RESP_BOOT_CLOCK_H
#define XDP_L2RESP_BOOT_CLOCK_H

#include "err.h"

/*
 * Is CLOCK_BOOTTIME here the clock that BPF programs read? In a time namespace it isn't
 * (time_namespaces(7)): a stamp would be as much off. Returns 0; -EXDEV with @err if it is another;
 * others from the kernel, with @err.
 */
int boot_clock_check(struct err *err);

#endif
