/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Usage lines as a manual writes them, "ADDR... dev IFACE [mac MAC]" or "IFACE... | --all", read
 * for completion. */
#ifndef XDP_L2RESP_NOTATION_H
#define XDP_L2RESP_NOTATION_H

#include <stdbool.h>
#include <stddef.h>

/* A usage line has at most so many words. */
#define NOTATION_MAX 24

/* A part of the usage line: a word that stands there as it is (dev), or what a word stands for
 * (IFACE, FILE|-). */
struct notation_token {
	const char *text;
	size_t length;
	bool literal;
};

/* The tokens of @notation that may stand behind @words, in its order. Returns how many. */
size_t notation_next(const char *notation, int count, char *const *words,
		     struct notation_token ret_tokens[NOTATION_MAX]);

/* Is @token's first choice @name? "ADDR|CIDR" is ADDR. */
bool notation_is(const struct notation_token *token, const char *name);

#endif
