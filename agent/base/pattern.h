/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Regular expressions for interface names. Cilium's are Go's (RE2); PCRE2 has their syntax and
 * more. What Go refuses and PCRE2 knows, and what would make matching slow, is refused here too.
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
	bool refused; /* for it takes too many steps */
};

/* A policy that has more is a mistake, or meant to keep us busy. */
#define PATTERN_LIST_MAX 64
/* Steps of a pattern at one name, some 10 ns each; a usual pattern takes a few dozen. */
#define PATTERN_STEPS_MAX 5000
/* Steps of all patterns at all names in one turn of the event loop. */
#define PATTERN_TURN_STEPS 2000000

struct pattern_list {
	struct pattern *list;
	size_t count;
	struct pattern_name *known; /* names, and whether they match */
};

void pattern_list_free(struct pattern_list *patterns);

/* Compiles and appends @text. -EINVAL with @err: no regular expression, or one with a
 * backreference, look-around, recursion or another thing that Go's don't have; or one too many. */
int pattern_list_add(struct pattern_list *patterns, const char *text, struct err *err);

/*
 * Does one of @patterns match anywhere in @name? A pattern that takes more steps than it may is
 * refused, said once: it matches nothing but what was known to match. *@steps are those left in
 * this turn; without any, only what is known matches, and the next turn goes on from there.
 */
bool pattern_list_matches(struct pattern_list *patterns, const char *name, uint32_t *steps);

#endif
