/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What keys of agent.yaml take. Each checks @value, and writes it to @field of struct config.
 * -EINVAL with a sentence in @err, without its place. */
#ifndef XDP_L2RESPD_CONFIG_VALUE_H
#define XDP_L2RESPD_CONFIG_VALUE_H

#include <jansson.h>

#include "err.h"

typedef int take_fn(const json_t *value, void *field, struct err *err);

take_fn take_text;
take_fn take_node;
take_fn take_flag;
take_fn take_weight;
take_fn take_count;
take_fn take_rate;
take_fn take_priority;
take_fn take_duration;
take_fn take_engine;
take_fn take_conflict;
take_fn take_mode;
take_fn take_endpoints;
take_fn take_listen;

void strings_free(char **strings);

#endif
