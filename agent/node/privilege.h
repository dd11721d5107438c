/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Capabilities that a process gives up for good. */
#ifndef XDP_L2RESPD_PRIVILEGE_H
#define XDP_L2RESPD_PRIVILEGE_H

#include <stdint.h>

#include "err.h"

#define PRIVILEGE(capability) (UINT64_C(1) << (capability))

/*
 * Gives up all capabilities but @kept, bits as PRIVILEGE() makes them, and what execve(2) would
 * give back to root: with no_new_privs, and by a smaller bounding set where the process has the
 * CAP_SETPCAP that this takes.
 */
int privilege_limit(uint64_t kept, struct err *err);

#endif
