/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The agent's metrics in Prometheus' text format. */
#ifndef XDP_L2RESPD_METRICS_H
#define XDP_L2RESPD_METRICS_H

#include <stdbool.h>
#include <stdio.h>

#include "agent.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* All of them, in parts as agent_status_new()'s. @metrics is a struct metrics. */
struct metrics;
struct metrics *metrics_new(struct agent *agent);
bool metrics_next(void *metrics, FILE *out);
void metrics_free(void *metrics);

#endif
