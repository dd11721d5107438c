// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "cluster_policy_faults.h"
#include "condition.h"
#include "manifest.h"

/* Each part is checked by itself, so that all faults are reported. */
static const struct {
	const char *condition;
	const char *key;
} parts[] = {
	{ "io.cilium/bad-node-selector", "nodeSelector" },
	{ "io.cilium/bad-service-selector", "serviceSelector" },
	{ "io.cilium/bad-interface-regex", "interfaces" },
};

static void ignore(const char *text, void *data)
{
}

/* Is @key of the policy's spec invalid, regardless of the other keys? */
static bool is_bad(const json_t *object, const char *key, struct err *ret_why)
{
	const struct place place = { "the policy", NULL };
	json_t *value = json_object_get(json_object_get(object, "spec"), key);
	json_t *alone = json_copy((json_t *)object);
	struct manifest manifest = {};
	int r;

	json_object_set_new(alone, "spec", json_pack("{sO?}", key, value));
	r = manifest_add(&manifest, &place, alone, ignore, NULL, ret_why);
	manifest_free(&manifest);
	json_decref(alone);
	return r == -EINVAL;
}

json_t *cluster_policy_faults(const json_t *object)
{
	const json_t *status = json_object_get(object, "status");
	json_t *conditions = conditions_copy(status);
	bool differs = false;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const char *type = parts[i].condition;
		struct err why = { "none" };
		bool bad = is_bad(object, parts[i].key, &why);
		const struct condition desired = { type, bad ? "True" : "False", "error", why.text,
						   condition_generation(object) };

		/* a part that was never invalid has no condition */
		if ((!bad && !condition_find(status, type)) || condition_is(status, &desired))
			continue;
		conditions_set(conditions, &desired);
		differs = true;
	}
	if (differs)
		return conditions;
	json_decref(conditions);
	return NULL;
}
