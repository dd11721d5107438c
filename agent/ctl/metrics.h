/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The agent's metrics in Prometheus' text format. */
#ifndef XDP_L2RESPD_METRICS_H
#define XDP_L2RESPD_METRICS_H

#include <stddef.h>

#include "agent.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* All of them; the caller frees the result. */
char *metrics_text(struct agent *agent, size_t *ret_size);

#endif
