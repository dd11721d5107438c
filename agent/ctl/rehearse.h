/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --check and --dry-run: the agent's input without its effects. */
#ifndef XDP_L2RESPD_REHEARSE_H
#define XDP_L2RESPD_REHEARSE_H

#include <stdbool.h>

/* Reads configuration and manifests, says what is wrong on stderr; if @print, prints what the agent
 * would do, as far as that doesn't depend on a store. Returns an exit status: 1 if anything is
 * wrong. */
int rehearse(const char *config, bool print, bool json);

#endif
