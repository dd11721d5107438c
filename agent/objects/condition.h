/* SPDX-License-Identifier: GPL-2.0-or-later */
/* metav1.Conditions in an object's status. */
#ifndef XDP_L2RESPD_CONDITION_H
#define XDP_L2RESPD_CONDITION_H

#include <stdbool.h>
#include <jansson.h>

struct condition {
	const char *type, *state, *reason, *message;
	json_int_t generation; /* metadata.generation of its object; 0: none */
};

/* The condition of @type in @status, or NULL; whether it equals the given one. */
const json_t *condition_find(const json_t *status, const char *type);
bool condition_is(const json_t *status, const struct condition *wanted);

/* A copy of the conditions in @status, for changes. */
json_t *conditions_copy(const json_t *status);

/* Sets @wanted in @conditions; removes the condition of @type. */
void conditions_set(json_t *conditions, const struct condition *wanted);
void conditions_remove(json_t *conditions, const char *type);

/* The list of conditions for kube_merge_by_key(): sets @wanted, which replaces the one of its type
 * in @status, or removes that one if @wanted has no state. All others stay. */
json_t *condition_patch(const json_t *status, const struct condition *wanted);

/* metadata.generation of @object; 0: it has none. */
json_int_t condition_generation(const json_t *object);

#endif
