/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Drops capabilities for good. */
#ifndef XDP_L2RESPD_PRIVILEGE_H
#define XDP_L2RESPD_PRIVILEGE_H

#include <stdint.h>

#include "err.h"

#define PRIVILEGE(capability) (UINT64_C(1) << (capability))

/*
 * Drops all capabilities except @kept, bits made by PRIVILEGE(). Keeps execve(2) from giving them
 * back to root: sets no_new_privs and, if the process has CAP_SETPCAP, drops them from the bounding
 * set.
 */
int privilege_limit(uint64_t kept, struct err *err);

#endif
