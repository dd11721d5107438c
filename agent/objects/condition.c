// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "condition.h"

static bool member_is(const json_t *object, const char *key, const char *text)
{
	const char *its = json_string_value(json_object_get(object, key));

	return its && !strcmp(its, text);
}

static const json_t *find(const json_t *conditions, const char *type)
{
	const json_t *condition;
	size_t i;

	json_array_foreach(conditions, i, condition)
	{
		if (member_is(condition, "type", type))
			return condition;
	}
	return NULL;
}

const json_t *condition_find(const json_t *status, const char *type)
{
	return find(json_object_get(status, "conditions"), type);
}

/* Is the condition about this generation? Servers may drop observedGeneration. */
static bool is_about(const json_t *condition, json_int_t generation)
{
	const json_t *its = json_object_get(condition, "observedGeneration");

	return !its || json_integer_value(its) == generation;
}

bool condition_is(const json_t *status, const struct condition *wanted)
{
	const json_t *condition = condition_find(status, wanted->type);

	return condition && member_is(condition, "status", wanted->state) &&
	       member_is(condition, "reason", wanted->reason) &&
	       member_is(condition, "message", wanted->message) &&
	       is_about(condition, wanted->generation);
}

void conditions_remove(json_t *conditions, const char *type)
{
	size_t i = 0;

	while (i < json_array_size(conditions))
		if (member_is(json_array_get(conditions, i), "type", type))
			json_array_remove(conditions, i);
		else
			i++;
}

/* Writes the time of the last change of state: @former's, if its state is @wanted's, or now. */
static void since(const json_t *former, const struct condition *wanted, char text[CLOCK_TEXT_SIZE])
{
	const char *its = json_string_value(json_object_get(former, "lastTransitionTime"));

	if (its && member_is(former, "status", wanted->state))
		snprintf(text, CLOCK_TEXT_SIZE, "%s", its);
	else
		clock_format_now(0, text);
}

/* Makes a condition that replaces @former, which may be NULL. */
static json_t *condition_new(const json_t *former, const struct condition *wanted)
{
	json_t *condition;
	char text[CLOCK_TEXT_SIZE];

	since(former, wanted, text);
	condition = json_pack("{ss ss ss ss ss}", "type", wanted->type, "status", wanted->state,
			      "reason", wanted->reason, "message", wanted->message,
			      "lastTransitionTime", text);
	if (wanted->generation)
		json_object_set_new(condition, "observedGeneration",
				    json_integer(wanted->generation));
	return condition;
}

void conditions_set(json_t *conditions, const struct condition *wanted)
{
	json_t *condition = condition_new(find(conditions, wanted->type), wanted);

	conditions_remove(conditions, wanted->type);
	json_array_append_new(conditions, condition);
}

json_t *condition_patch(const json_t *status, const struct condition *wanted)
{
	const json_t *former = condition_find(status, wanted->type);
	json_t *change = wanted->state
				 ? condition_new(former, wanted)
				 : json_pack("{ss ss}", "type", wanted->type, "$patch", "delete");

	return json_pack("[o]", change);
}

json_int_t condition_generation(const json_t *object)
{
	return json_integer_value(
		json_object_get(json_object_get(object, "metadata"), "generation"));
}

json_t *conditions_copy(const json_t *status)
{
	const json_t *conditions = json_object_get(status, "conditions");

	return json_is_array(conditions) ? json_copy((json_t *)conditions) : json_array();
}
