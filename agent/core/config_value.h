/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parsers for the values of agent.yaml. Each checks @value and writes it to @field of struct
 * config. -EINVAL with the second half of a sentence in @err, which the caller begins with the key.
 */
#ifndef XDP_L2RESPD_CONFIG_VALUE_H
#define XDP_L2RESPD_CONFIG_VALUE_H

#include <jansson.h>

#include "err.h"

typedef int parse_fn(const json_t *value, void *field, struct err *err);

parse_fn parse_text;
parse_fn parse_node;
parse_fn parse_flag;
parse_fn parse_weight;
parse_fn parse_count;
parse_fn parse_rate;
parse_fn parse_priority;
parse_fn parse_duration;
parse_fn parse_engine;
parse_fn parse_conflict;
parse_fn parse_mode;
parse_fn parse_endpoints;
parse_fn parse_server;
parse_fn parse_listen;

void strings_free(char **strings);

#endif
