/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --check and --dry-run: reads the agent's input without any effect. */
#ifndef XDP_L2RESPD_REHEARSE_H
#define XDP_L2RESPD_REHEARSE_H

#include <stdbool.h>

/* Reads configuration and manifests, and reports errors on stderr. @print: prints what the agent
 * would do, as far as that doesn't depend on a store. Returns the exit status: 1 if there are
 * errors. */
int rehearse(const char *config, bool print, bool json);

#endif
