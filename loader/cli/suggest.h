/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "Did you mean": finds the known word nearest to a mistyped one. */
#ifndef XDP_L2RESP_SUGGEST_H
#define XDP_L2RESP_SUGGEST_H

struct suggestion {
	const char *typed;
	const char *word; /* the nearest so far; NULL: none is near enough */
	unsigned int edits;
};

/* Stores @word, which must outlive @suggestion, if it is nearer than those before. */
void suggest_consider(struct suggestion *suggestion, const char *word);

#endif
