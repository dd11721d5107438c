/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON that others wrote: what would take too much memory, or stack, is refused before it does. */
#ifndef XDP_L2RESPD_JSON_H
#define XDP_L2RESPD_JSON_H

#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "cleanup.h"
#include "err.h"

/* What one document may take; two threads read such. A value costs some 100 bytes, however short
 * its text is. */
#define JSON_MEMORY_MAX (128U << 20)
#define JSON_DEPTH_MAX	64

static inline void cleanup_json(json_t **json)
{
	json_decref(*json);
}

#define _cleanup_json_ _cleanup_(cleanup_json)

/* The value that @text of @length is, a new reference; NULL with @err: "isn't JSON, and begins
 * with" its first bytes, or what limit it is over, to be put behind the name of the text. */
json_t *json_parse(const char *text, size_t length, struct err *err);

/* The number in the string @key of @object, as both stores write int64 values. 0: there is none, it
 * has other characters than digits, or is over INT64_MAX. */
uint64_t json_decimal(const json_t *object, const char *key);

/* Writes @what and the first bytes of @text of @length: "isn't etcd's, and begins with ...". */
void json_garbage(const char *text, size_t length, const char *what, struct err *err);

#endif
