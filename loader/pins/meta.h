/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one value of the map meta. */
#ifndef XDP_L2RESP_META_H
#define XDP_L2RESP_META_H

#include "err.h"
#include "l2resp.h"

/* @fd: the map. @dir: where it is pinned, for errors. */
int meta_read(int fd, const char *dir, struct pins_meta *ret_meta, struct err *err);
int meta_write(int fd, const char *dir, const struct pins_meta *meta, struct err *err);

#endif
