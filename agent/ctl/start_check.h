/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds what would make a start fail, by the same code, without any effect. */
#ifndef XDP_L2RESPD_START_CHECK_H
#define XDP_L2RESPD_START_CHECK_H

#include "config.h"
#include "err.h"

/* @config was read from @path. 0, or a negative errno with @err. */
int start_check(const char *path, const struct config *config, struct err *err);

#endif
