/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parses YAML to JSON values, as Kubernetes does, so that files and an API server's objects are
 * handled alike. Keeps line numbers for error messages.
 */
#ifndef XDP_L2RESPD_DOCUMENT_H
#define XDP_L2RESPD_DOCUMENT_H

#include <stddef.h>
#include <jansson.h>

#include "err.h"

struct yaml_line;

/* One document of a stream. */
struct yaml_document {
	json_t *root;	   /* NULL: an empty document */
	unsigned int line; /* of its first value, from 1 */
	struct yaml_line *lines;
	size_t count;
	size_t capacity;
};

/* The line of @key in @object, a value of @document. If it isn't known, the document's line. */
unsigned int yaml_key_line(const struct yaml_document *document, const json_t *object,
			   const char *key);

/*
 * Handles one document. Returns 0 to continue; any other value ends yaml_parse() with that result.
 * The callee may keep references to values; the document itself is freed after the call.
 */
typedef int yaml_document_fn(const struct yaml_document *document, void *data, struct err *err);

/*
 * Parses @size bytes at @text, called @name in errors, and hands each document to @take. Plain
 * scalars are null, booleans, numbers or strings as in YAML 1.1 (kubectl's parser), without dates
 * and base 60. Aliases share their anchor's value. -EINVAL with "NAME:LINE: message" in @err: no
 * YAML, a key given twice, a key that isn't a scalar, a merge key, or more than 64 levels.
 */
int yaml_parse(const char *name, const char *text, size_t size, yaml_document_fn *take, void *data,
	       struct err *err);

/* Reads a whole file, at most @limit bytes. Returns 0 or a negative errno with @err. The caller
 * frees *ret_text. */
int yaml_read_file(const char *path, size_t limit, char **ret_text, size_t *ret_size,
		   struct err *err);

#endif
