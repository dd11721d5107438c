/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes JSON, and parses untrusted one: text that would take too much memory is rejected before it
 * does. What one part of it has mustn't hide the others: a tenant can have Kubernetes serve
 * characters that jansson refuses ("\u0000" in an annotation, bytes that aren't UTF-8 in
 * managedFields), and objects thousands of levels deep.
 */
#ifndef XDP_L2RESPD_JSON_H
#define XDP_L2RESPD_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <jansson.h>

#include "cleanup.h"
#include "err.h"

/* Memory limit of a document; two threads may parse one at a time. A value takes some 100 bytes,
 * however short its text is. */
#define JSON_MEMORY_MAX (128U << 20)
#define JSON_DEPTH_MAX	64

static inline void cleanup_json(json_t **json)
{
	json_decref(*json);
}

#define _cleanup_json_ _cleanup_(cleanup_json)

/* Parses @text of @length bytes: a new reference. Characters that jansson refuses are replaced, and
 * what is deeper than JSON_DEPTH_MAX is left out. NULL with @err, which continues a sentence that
 * begins with the name of the text: "isn't JSON, and begins with ...", or the limit it exceeds. */
json_t *json_parse(const char *text, size_t length, struct err *err);

/* The same of its upper @depth levels: the arrays of the last of them, and the objects below it,
 * are empty. */
json_t *json_outline(const char *text, size_t length, unsigned int depth, struct err *err);

/* Zeroed, but for the text and its length. */
struct json_walk {
	const char *text;
	size_t length, at;
	unsigned int depth;
	bool in_array;
};

/* The text of the next array or object that is an element of an array, of which the outermost
 * object is the parent: an object of a list's "items". False: none follows. The text must be one of
 * which json_outline() of two levels parses. */
bool json_next_element(struct json_walk *walk, const char **ret_text, size_t *ret_length);

/* The number in the string @key of @object; both stores write int64 values as strings. 0: there is
 * no such string, it isn't all digits, or it exceeds INT64_MAX. */
uint64_t json_decimal(const json_t *object, const char *key);

/* Writes @text as text_json() has it; NULL: as null. */
void json_write_string(const char *text, FILE *out);

/* Writes @object, which isn't empty, and begins the array @list as its last member: the elements,
 * "]" and "}" are to follow. */
void json_write_open(const json_t *object, const char *list, FILE *out);

/* A hash of @json, whatever the order of members; NULL is fine. */
uint64_t json_hash(const json_t *json);

/* Writes @what and the first bytes of @text of @length: "isn't etcd's, and begins with ...". */
void json_garbage(const char *text, size_t length, const char *what, struct err *err);

#endif
