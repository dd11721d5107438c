/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What to do where the kernel says "Operation not permitted". */
#ifndef XDP_L2RESP_DENIED_H
#define XDP_L2RESP_DENIED_H

#include "err.h"

/* For EPERM and EACCES, adds to @err's sentence what this process lacks, or else what may deny it.
 * Returns @error. */
int denied_add(struct err *err, int error);

#endif
