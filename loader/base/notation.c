// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdint.h>
#include <string.h>

#include "notation.h"

/* The usage line as a list; a set of positions in it is a bit mask. An empty item separates
 * alternatives. */
struct item {
	struct notation_token token;
	bool repeats;
	int skip_to; /* if it begins a bracket: the item behind the bracket; else 0 */
};

struct notation {
	struct item items[NOTATION_MAX + 1];
	int count;
	uint32_t start;
};

static bool strip_suffix(struct notation_token *token, const char *suffix)
{
	size_t length = strlen(suffix);

	if (token->length < length ||
	    strncmp(token->text + token->length - length, suffix, length) != 0)
		return false;
	token->length -= length;
	return true;
}

/* Adds the token at @text, with its brackets and dots; *begun: the item that opened the current
 * bracket. */
static void add_item(struct notation *notation, const char *text, size_t length, int *begun)
{
	struct item *item = &notation->items[notation->count++];
	bool ends;

	item->token = (struct notation_token){ .text = text, .length = length };
	if (*text == '[') {
		item->token.text++;
		item->token.length--;
		*begun = notation->count - 1;
	}
	ends = strip_suffix(&item->token, "]");
	item->repeats = strip_suffix(&item->token, "...");
	item->token.literal = true;
	for (size_t i = 0; i < item->token.length; i++)
		if (item->token.text[i] >= 'A' && item->token.text[i] <= 'Z')
			item->token.literal = false;
	if (ends)
		notation->items[*begun].skip_to = notation->count;
}

static uint32_t with_skipped(const struct notation *notation, uint32_t positions)
{
	for (int i = 0; i < notation->count; i++)
		if ((positions & 1U << i) && notation->items[i].skip_to)
			positions |= 1U << notation->items[i].skip_to;
	return positions;
}

static void parse(const char *text, struct notation *ret_notation)
{
	int begun = 0;

	*ret_notation = (struct notation){ .start = 1 };
	while (*text && ret_notation->count < NOTATION_MAX - 1) {
		size_t length = strcspn(text, " ");

		if (length == 1 && *text == '|') {
			ret_notation->count++;
			ret_notation->start |= 1U << ret_notation->count;
		} else if (length) {
			add_item(ret_notation, text, length, &begun);
		}
		text += length + (text[length] == ' ');
	}
	ret_notation->count++;
	ret_notation->start = with_skipped(ret_notation, ret_notation->start);
}

/* Returns the positions behind those of @positions that match @word. */
static uint32_t step(const struct notation *notation, uint32_t positions, const char *word,
		     bool literal)
{
	uint32_t next = 0;

	for (int i = 0; i < notation->count; i++) {
		const struct item *item = &notation->items[i];

		if (!(positions & 1U << i) || !item->token.length ||
		    item->token.literal != literal ||
		    (literal && (strlen(word) != item->token.length ||
				 strncmp(word, item->token.text, item->token.length) != 0)))
			continue;
		next |= 1U << (i + 1) | (item->repeats ? 1U << i : 0);
	}
	return with_skipped(notation, next);
}

size_t notation_next(const char *text, int count, char *const *words,
		     struct notation_token ret_tokens[NOTATION_MAX])
{
	struct notation notation;
	uint32_t positions;
	size_t found = 0;

	parse(text, &notation);
	positions = notation.start;
	for (int i = 0; i < count; i++)
		/* "dev" is the word, not an address of that name */
		positions = step(&notation, positions, words[i], true)
				    ?: step(&notation, positions, words[i], false);
	for (int i = 0; i < notation.count; i++)
		if ((positions & 1U << i) && notation.items[i].token.length)
			ret_tokens[found++] = notation.items[i].token;
	return found;
}

bool notation_is(const struct notation_token *token, const char *name)
{
	size_t length = strlen(name);

	return token->length >= length && !strncmp(token->text, name, length) &&
	       (token->length == length || token->text[length] == '|');
}
