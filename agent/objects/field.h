/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Typed access to fields of JSON values, with errors such as "FILE:LINE: spec.x must be a string,
 * not a number". */
#ifndef XDP_L2RESPD_FIELD_H
#define XDP_L2RESPD_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>

#include "err.h"

struct yaml_document;

/* The origin of values, for messages. */
struct place {
	const char *name;		      /* a file, or an object's URL */
	const struct yaml_document *document; /* NULL: not from YAML, there are no lines */
};

/* Writes "NAME:LINE: message" with the line of @key in @object or, if @object is NULL, of the
 * document. Returns @error. A macro, as err_set() is. */
#define place_err(err_, error_, place_, object_, key_, ...)               \
	({                                                                \
		struct err what_;                                         \
		int code_ = (error_);                                     \
		err_write(&what_, __VA_ARGS__);                           \
		place_err_write(err_, place_, object_, key_, what_.text); \
		code_;                                                    \
	})

void place_err_write(struct err *err, const struct place *place, const json_t *object,
		     const char *key, const char *text);

/* Types of fields. */
enum field_kind {
	FIELD_STRING,
	FIELD_BOOLEAN,
	FIELD_INTEGER,
	FIELD_OBJECT,
	FIELD_ARRAY,
};

/*
 * Gets field @key of @object. 1 with *@ret_value (borrowed); 0: it is absent or null; -EINVAL with
 * @err: it has another type. @object may be NULL: the field is absent.
 */
int field_get(const struct place *place, const json_t *object, const char *key,
	      enum field_kind kind, json_t **ret_value, struct err *err);

/* As field(), for values. Absent: 0, and *@ret_... is untouched. Strings are borrowed. */
int field_string(const struct place *place, const json_t *object, const char *key,
		 const char **ret_text, struct err *err);
int field_boolean(const struct place *place, const json_t *object, const char *key, bool *ret_value,
		  struct err *err);

/* As field(), for an array whose elements must all be strings, or mappings. */
int field_strings(const struct place *place, const json_t *object, const char *key,
		  json_t **ret_array, struct err *err);
int field_objects(const struct place *place, const json_t *object, const char *key,
		  json_t **ret_array, struct err *err);

/* As field_string(); the caller frees the copy. */
int field_copy_string(const struct place *place, const json_t *object, const char *key,
		      char **ret_text, struct err *err);

/* -EINVAL with @err: @object has a key that isn't in @known, which is NULL-terminated. @what names
 * the object in the message. */
int field_known(const struct place *place, const json_t *object, const char *what,
		const char *const *known, struct err *err);

/* Called for each ignored part of an object or a file, with a sentence that begins with its place.
 */
typedef void object_note_fn(const char *text, void *data);

#endif
