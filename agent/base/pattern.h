/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Regular expressions for interface names. Cilium's are Go's (RE2); PCRE2 has their syntax and
 * more. What Go refuses and PCRE2 knows, and what would make matching slow, is refused here too.
 */
#ifndef XDP_L2RESPD_PATTERN_H
#define XDP_L2RESPD_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

struct pattern {
	char *text;
	void *code; /* compiled */
};

struct pattern_list {
	struct pattern *list;
	size_t count;
};

void pattern_list_free(struct pattern_list *patterns);

/* Compiles and appends @text. -EINVAL with @err: no regular expression, or one with a
 * backreference, look-around, recursion or another thing that Go's don't have. */
int pattern_list_add(struct pattern_list *patterns, const char *text, struct err *err);

/* Does one of @patterns match anywhere in @name? */
bool pattern_list_matches(const struct pattern_list *patterns, const char *name);

#endif
