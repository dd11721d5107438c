/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Regular expressions for interface names. Cilium's have Go's syntax (RE2), of which PCRE2's is a
 * superset. What Go rejects is rejected here too, and so is what would make matching slow.
 */
#ifndef XDP_L2RESPD_PATTERN_H
#define XDP_L2RESPD_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct pattern {
	char *text;
	void *code;   /* compiled */
	bool refused; /* because it takes too many steps */
};

/* A policy with more patterns is a mistake or an attack. */
#define PATTERN_LIST_MAX 64
/* Limit of a pattern's steps per name. A step takes some 10 ns; a usual pattern needs a few dozen.
 */
#define PATTERN_STEPS_MAX 5000
/* Limit of the steps of all patterns and names in one iteration of the event loop. */
#define PATTERN_TURN_STEPS 2000000

struct pattern_list {
	struct pattern *list;
	size_t count;
	struct pattern_name *known; /* names, and whether they match */
};

void pattern_list_free(struct pattern_list *patterns);

/* Compiles and appends @text. -EINVAL with @err: it isn't a regular expression, it has what Go's
 * don't have (a backreference, look-around, recursion), or there are too many. */
int pattern_list_add(struct pattern_list *patterns, const char *text, struct err *err);

/*
 * Does one of @patterns match anywhere in @name? A pattern that exceeds its steps is refused, which
 * is logged once: from then on it matches only the names that it is known to match. *@steps: those
 * left in this iteration; once they are used up, only known names match, and the next iteration
 * continues from there.
 */
bool pattern_list_matches(struct pattern_list *patterns, const char *name, uint32_t *steps);

#endif
