/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records as JSON texts, the values of etcd's keys. */
#ifndef XDP_L2RESP_RECORD_JSON_H
#define XDP_L2RESP_RECORD_JSON_H

#include "lease_record.h"

/* The text of @record, which is RECORD_GOOD; the caller frees it. NULL: no memory. */
char *record_to_json(const struct record *record);

/* Fills shape and contents of @record, whose kind is set, from @text. */
void record_from_json(struct record *record, const char *text, size_t length);

#endif
