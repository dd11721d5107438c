/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records as JSON: the values of etcd's keys, and what makes a Lease object ours. */
#ifndef XDP_L2RESP_RECORD_JSON_H
#define XDP_L2RESP_RECORD_JSON_H

#include <jansson.h>

#include "record.h"

/* The contents of @record, which is RECORD_GOOD; a new reference. */
json_t *record_to_json(const struct record *record);

/* Fills shape and contents of @record, whose kind is set, from @json, which may be NULL. */
void record_from_json(struct record *record, json_t *json);

#endif
