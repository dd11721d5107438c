/* SPDX-License-Identifier: GPL-2.0-or-later */
/* metav1.Conditions in an object's status. */
#ifndef XDP_L2RESPD_CONDITION_H
#define XDP_L2RESPD_CONDITION_H

#include <stdbool.h>
#include <jansson.h>

/* The condition of @type in @status, or NULL; whether there is one that says just this. */
const json_t *condition_find(const json_t *status, const char *type);
bool condition_is(const json_t *status, const char *type, const char *state, const char *reason,
		  const char *message);

/* A copy of the conditions in @status, to be changed. */
json_t *conditions_copy(const json_t *status);

/* Sets the condition of @type in @conditions, or takes it out (@state NULL). */
void condition_set(json_t *conditions, const char *type, const char *state, const char *reason,
		   const char *message);

#endif
