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

struct yaml_lines;
struct yaml_reader;

/* One document of a stream. */
struct yaml_document {
	json_t *root;
	unsigned int line; /* of its first value, from 1 */
	struct yaml_lines *lines;
};

/* The line of @key in @object, a value of @document. If it isn't known, the document's line. */
unsigned int yaml_key_line(const struct yaml_document *document, const json_t *object,
			   const char *key);

/* Handles one document. Returns 0, or a negative errno with @err, which ends the reading. The
 * callee may keep references to values; the document itself is freed after the call. */
typedef int yaml_document_fn(const struct yaml_document *document, void *data, struct err *err);

/*
 * Parses @size bytes at @text, called @name in errors, and hands each document to @take. Plain
 * scalars are null, booleans, numbers or strings as in YAML 1.1 (kubectl's parser), without dates
 * and base 60. Aliases share their anchor's value. -EINVAL with "NAME:LINE: message" in @err: no
 * YAML, a key given twice, a key that isn't a scalar, a merge key, or more than 64 levels.
 */
int yaml_parse(const char *name, const char *text, size_t size, yaml_document_fn *take, void *data,
	       struct err *err);

/* The same in steps, of a key or of one of a List's items at most. The name and the text are
 * borrowed until yaml_close(). */
struct yaml_reader *yaml_open(const char *name, const char *text, size_t size);
void yaml_close(struct yaml_reader *reader);

#define YAML_END 1

/* Takes a step. *@ret_document: a document that is complete, which the reader frees at the next
 * step; NULL: none is. YAML_END: there are no more. Errors as yaml_parse()'s. To be called no more
 * after these. */
int yaml_next(struct yaml_reader *reader, struct yaml_document **ret_document, struct err *err);

/* Reads a whole file, at most @limit bytes. Returns 0 or a negative errno with @err. The caller
 * frees *ret_text. */
int yaml_read_file(const char *path, size_t limit, char **ret_text, size_t *ret_size,
		   struct err *err);

#endif
