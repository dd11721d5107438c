/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kubernetes labels and label selectors (meta/v1 LabelSelector). */
#ifndef XDP_L2RESPD_SELECTOR_H
#define XDP_L2RESPD_SELECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>

#include "err.h"
#include "field.h"

struct label {
	char *key;
	char *value;
};

/* Bounded because each requirement is compared with each Service. */
#define LABELS_MAX 1000

struct labels {
	struct label *list; /* ascending by key */
	size_t count;
	bool partial; /* others aren't known: no other key is known to be absent */
};

void labels_free(struct labels *labels);

/* The memory that @labels take. */
size_t labels_cost(const struct labels *labels);

/* Sets @key to a value, replacing an existing one. Both are copied. */
void labels_set(struct labels *labels, const char *key, const char *value);

/* The value of @key, or NULL. */
const char *labels_get(const struct labels *labels, const char *key);

/* Reads @key of @object (metadata.labels, say) as a map of strings. Absent: no labels. */
int labels_parse(const struct place *place, const json_t *object, const char *key,
		 struct labels *ret_labels, struct err *err);

struct requirement;

/* All requirements must hold; without any, everything matches. */
struct selector {
	struct requirement *list;
	size_t count;
	size_t value_count; /* of all requirements */
};

void selector_free(struct selector *selector);

/* The memory that @selector takes. */
size_t selector_cost(const struct selector *selector);

/*
 * Parses the LabelSelector @key of @object: matchLabels and matchExpressions, ANDed. Absent or
 * empty: it matches everything. -EINVAL with @err, as in Kubernetes: an unknown operator, In or
 * NotIn without values, Exists or DoesNotExist with values, an invalid key or value.
 */
int selector_parse(const struct place *place, const json_t *object, const char *key,
		   struct selector *ret_selector, struct err *err);

bool selector_matches(const struct selector *selector, const struct labels *labels);

/* The selector in kubectl's notation: "a=b,c notin (d, e),!f"; "": it selects everything. The
 * caller frees it. */
char *selector_describe(const struct selector *selector);

#endif
