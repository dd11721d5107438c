/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prints results: tables on the terminal, a line of progress, and JSON. */
#ifndef XDP_L2RESP_BENCH_OUTPUT_H
#define XDP_L2RESP_BENCH_OUTPUT_H

#include <jansson.h>

#include "latency.h"
#include "point.h"
#include "upkeep.h"

/* Prints a line on stderr that the next one overwrites; nothing if stderr isn't a terminal. */
void output_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void output_progress_end(void);

void output_point(const struct point *point);
void output_latency(const struct latency *latency);
void output_upkeep(const struct upkeep *upkeep);

/* Return new references. */
json_t *output_point_json(const struct point *point);
json_t *output_latency_json(const struct latency *latency);
json_t *output_upkeep_json(const struct upkeep *upkeep);
json_t *output_machine_json(void);

#endif
