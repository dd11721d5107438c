/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Are the pins that a program was attached with still there? */
#ifndef XDP_L2RESP_ORIGIN_H
#define XDP_L2RESP_ORIGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "l2resp.h"

/*
 * True if the pins of program @prog_id, @origin, still exist. If another file system is mounted at
 * that path here, they may be in another mount namespace: that of every process in /proc is looked
 * at, except those that are hidden from the caller. True, too, if a mount that is seen can't be
 * decided about: what looks orphaned may be replaced.
 */
bool origin_alive(const struct pins_origin *origin, uint32_t prog_id);

#endif
