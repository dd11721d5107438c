/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Typed access to fields of JSON values, with errors that say where: "FILE:LINE: spec.x must be a
 * string, not a number". */
#ifndef XDP_L2RESPD_FIELD_H
#define XDP_L2RESPD_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>

#include "err.h"

struct yaml_document;

/* Where values come from. */
struct place {
	const char *name;		      /* a file, or an object's URL */
	const struct yaml_document *document; /* NULL: not from YAML, there are no lines */
};

/* "NAME:LINE: sentence", for @key of @object, or the document where @object is NULL; returns
 * @error. A macro, as err_set() is. */
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

/* What a field may be. */
enum field_kind {
	FIELD_STRING,
	FIELD_BOOLEAN,
	FIELD_INTEGER,
	FIELD_OBJECT,
	FIELD_ARRAY,
};

/*
 * Field @key of @object. 1 with *ret_value (borrowed), 0 where it is absent or null, which YAML
 * writers use alike; -EINVAL with @err for another kind. @object may be NULL: nothing is there.
 */
int field_get(const struct place *place, const json_t *object, const char *key,
	      enum field_kind kind, json_t **ret_value, struct err *err);

/* The same for values. Absent: 0, and *ret_... untouched. Strings are borrowed. */
int field_string(const struct place *place, const json_t *object, const char *key,
		 const char **ret_text, struct err *err);
int field_boolean(const struct place *place, const json_t *object, const char *key, bool *ret_value,
		  struct err *err);

/* The same for an array, whose elements must all be strings, or mappings. */
int field_strings(const struct place *place, const json_t *object, const char *key,
		  json_t **ret_array, struct err *err);
int field_objects(const struct place *place, const json_t *object, const char *key,
		  json_t **ret_array, struct err *err);

/* As field_string(); the caller frees the copy. */
int field_copy_string(const struct place *place, const json_t *object, const char *key,
		      char **ret_text, struct err *err);

/* Refuses keys of @object that @known, NULL-terminated, doesn't have: -EINVAL with @err. @what:
 * where the keys are, for the message. */
int field_known(const struct place *place, const json_t *object, const char *what,
		const char *const *known, struct err *err);

/* Called with what was left out of an object or a file, a sentence each, with its place. */
typedef void object_note_fn(const char *text, void *data);

#endif
