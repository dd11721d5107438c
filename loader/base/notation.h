/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parses usage lines in a manual's notation, "ADDR... dev IFACE [mac MAC]" or "IFACE... | --all",
 * for completion. */
#ifndef XDP_L2RESP_NOTATION_H
#define XDP_L2RESP_NOTATION_H

#include <stdbool.h>
#include <stddef.h>

/* Maximum of words in a usage line. */
#define NOTATION_MAX 24

/* A part of the usage line: a literal word (dev) or a placeholder (IFACE, FILE|-). */
struct notation_token {
	const char *text;
	size_t length;
	bool literal;
};

/* Finds the tokens of @notation that may follow @words, in its order. Returns their number. */
size_t notation_next(const char *notation, int count, char *const *words,
		     struct notation_token ret_tokens[NOTATION_MAX]);

/* True if @token's first choice is @name: that of "ADDR|CIDR" is ADDR. */
bool notation_is(const struct notation_token *token, const char *name);

#endif
