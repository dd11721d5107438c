/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads and changes struct pins_meta. */
#ifndef XDP_L2RESP_PINS_META_H
#define XDP_L2RESP_PINS_META_H

#include "err.h"
#include "l2resp.h"
#include "pins.h"

/* Read and write the only value of the map meta. @fd: the map. @dir: its pin's directory, for
 * error messages. */
int meta_read(int fd, const char *dir, struct pins_meta *ret_meta, struct err *err);
int meta_write(int fd, const char *dir, const struct pins_meta *meta, struct err *err);

/* Records that the pins serve the caller's network namespace from now on. @pins must be locked. */
int pins_adopt(struct pins *pins, struct err *err);

/* Allows @max_entries addresses of each family from now on. @pins must be locked. */
int pins_set_max_entries(struct pins *pins, uint32_t max_entries, struct err *err);

#endif
