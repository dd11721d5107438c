// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "condition.h"

const json_t *condition_find(const json_t *status, const char *type)
{
	const json_t *conditions = json_object_get(status, "conditions");
	const json_t *condition;
	size_t i;

	json_array_foreach(conditions, i, condition)
	{
		const char *its = json_string_value(json_object_get(condition, "type"));

		if (its && !strcmp(its, type))
			return condition;
	}
	return NULL;
}

static bool member_is(const json_t *object, const char *key, const char *text)
{
	const char *its = json_string_value(json_object_get(object, key));

	return its && !strcmp(its, text);
}

bool condition_is(const json_t *status, const char *type, const char *state, const char *reason,
		  const char *message)
{
	const json_t *condition = condition_find(status, type);

	return condition && member_is(condition, "status", state) &&
	       member_is(condition, "reason", reason) && member_is(condition, "message", message);
}

void condition_set(json_t *conditions, const char *type, const char *state, const char *reason,
		   const char *message)
{
	time_t now = time(NULL);
	char text[32];
	struct tm tm;
	size_t i = 0;

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	while (i < json_array_size(conditions)) {
		const json_t *condition = json_array_get(conditions, i);

		if (!member_is(condition, "type", type)) {
			i++;
			continue;
		}
		/* since when it has this state, not this message */
		if (state && member_is(condition, "status", state))
			snprintf(text, sizeof(text), "%s",
				 json_string_value(json_object_get(condition, "lastTransitionTime"))
					 ?: text);
		json_array_remove(conditions, i);
	}
	if (state)
		json_array_append_new(conditions,
				      json_pack("{ss ss ss ss ss}", "type", type, "status", state,
						"reason", reason, "message", message,
						"lastTransitionTime", text));
}

json_t *conditions_copy(const json_t *status)
{
	const json_t *conditions = json_object_get(status, "conditions");

	return json_is_array(conditions) ? json_copy((json_t *)conditions) : json_array();
}
