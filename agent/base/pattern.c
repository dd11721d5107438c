// SPDX-License-Identifier: GPL-2.0-or-later
#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <net/if.h>
#include <pcre2.h>

#include "alloc.h"
#include "hash.h"
#include "log.h"
#include "pattern.h"

/* Limit of remembered names: interfaces of containers come and go. */
#define KNOWN_MAX 4096

struct pattern_name {
	char name[IFNAMSIZ];
	bool matches;
	UT_hash_handle hh;
};

struct steps {
	uint32_t pattern; /* steps left for this pattern and name */
	uint32_t *turn;
};

/*
 * Constructs that Go's regular expressions don't have, by their first characters. Others may still
 * take exponential time in PCRE2, unlike in Go, so steps are counted as well.
 */
static const struct {
	const char *text;
	const char *what;
} refused[] = {
	{ "(?=", "look-ahead" },
	{ "(?!", "look-ahead" },
	{ "(?<=", "look-behind" },
	{ "(?<!", "look-behind" },
	{ "(?>", "an atomic group" },
	{ "(?|", "a branch reset" },
	{ "(?(", "a condition" },
	{ "(?R", "recursion" },
	{ "(?&", "recursion" },
	{ "(?P>", "recursion" },
	{ "(?P=", "a backreference" },
	{ "(?C", "a callout" },
	{ "(?+", "recursion" },
	{ "(?0", "recursion" },
	{ "(?1", "recursion" },
	{ "(?2", "recursion" },
	{ "(?3", "recursion" },
	{ "(?4", "recursion" },
	{ "(?5", "recursion" },
	{ "(?6", "recursion" },
	{ "(?7", "recursion" },
	{ "(?8", "recursion" },
	{ "(?9", "recursion" },
	{ "(*", "a verb" },
	{ "\\k", "a backreference" },
	{ "\\g", "a backreference" },
	{ "\\K", "\\K" },
	{ "\\G", "\\G" },
	{ "\\Z", "\\Z" },
	{ "\\R", "\\R" },
	{ "\\X", "\\X" },
	{ "\\N", "\\N" },
};

static void forget_names(struct pattern_list *patterns)
{
	struct pattern_name *known, *next;

	HASH_ITER(hh, patterns->known, known, next)
	{
		HASH_DEL(patterns->known, known);
		free(known);
	}
}

void pattern_list_free(struct pattern_list *patterns)
{
	forget_names(patterns);
	for (size_t i = 0; i < patterns->count; i++) {
		pcre2_code_free(patterns->list[i].code);
		free(patterns->list[i].text);
	}
	free(patterns->list);
	*patterns = (struct pattern_list){};
}

/* The construct in @text that Go's expressions don't have; NULL: there is none. */
static const char *find_refused(const char *text)
{
	bool in_class = false;

	for (const char *at = text; *at; at++) {
		for (size_t i = 0; !in_class && i < sizeof(refused) / sizeof(refused[0]); i++)
			if (!strncmp(at, refused[i].text, strlen(refused[i].text)))
				return refused[i].what;
		if (*at == '\\' && at[1])
			at++;
		else if (in_class)
			in_class = *at != ']';
		else if (*at == '[') {
			in_class = true;
			/* directly after '[' a ']' is literal */
			at += at[1] == '^';
			at += at[1] == ']';
		}
	}
	return NULL;
}

int pattern_list_add(struct pattern_list *patterns, const char *text, struct err *err)
{
	/* Go has named groups, but no callouts and no \C */
	uint32_t options = PCRE2_NEVER_BACKSLASH_C | PCRE2_NEVER_UTF | PCRE2_DOLLAR_ENDONLY |
			   PCRE2_AUTO_CALLOUT;
	const char *what = find_refused(text);
	uint32_t references = 0;
	PCRE2_SIZE at;
	pcre2_code *code;
	int error;

	if (patterns->count == PATTERN_LIST_MAX)
		return err_set(err, -EINVAL, "more than %d regular expressions", PATTERN_LIST_MAX);
	if (what)
		return err_set(err, -EINVAL, "'%s' has %s, which Go's regular expressions don't",
			       text, what);
	code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, options, &error, &at, NULL);
	if (!code) {
		char said[128] = "";

		if (error == PCRE2_ERROR_HEAP_FAILED)
			alloc_fail();
		pcre2_get_error_message(error, (PCRE2_UCHAR *)said, sizeof(said));
		return err_set(err, -EINVAL, "'%s' is no regular expression: %s, at character %zu",
			       text, said, at + 1);
	}
	pcre2_pattern_info(code, PCRE2_INFO_BACKREFMAX, &references);
	if (references) {
		pcre2_code_free(code);
		return err_set(err, -EINVAL,
			       "'%s' has a backreference, which Go's regular expressions don't",
			       text);
	}
	patterns->list = xreallocarray(patterns->list, patterns->count + 1, sizeof(struct pattern));
	patterns->list[patterns->count++] = (struct pattern){ xstrdup(text), code, false };
	return 0;
}

/* Called at each step of a match. */
static int count_step(pcre2_callout_block *block, void *userdata)
{
	struct steps *steps = userdata;

	if (!steps->pattern || !*steps->turn)
		return PCRE2_ERROR_CALLOUT;
	steps->pattern--;
	--*steps->turn;
	return 0;
}

/* Negative: not enough steps are left. */
static int pattern_match(const struct pattern *pattern, const char *name, struct steps *steps)
{
	pcre2_match_context *context = pcre2_match_context_create(NULL);
	pcre2_match_data *data = pcre2_match_data_create_from_pattern(pattern->code, NULL);
	int r;

	if (!context || !data)
		alloc_fail();
	pcre2_set_callout(context, count_step, steps);
	/* limits backtracking that counts no step, and memory */
	pcre2_set_match_limit(context, 10 * PATTERN_STEPS_MAX);
	pcre2_set_depth_limit(context, PATTERN_STEPS_MAX);
	pcre2_set_heap_limit(context, 4096);
	r = pcre2_match(pattern->code, (PCRE2_SPTR)name, strlen(name), 0, 0, data, context);
	if (r == PCRE2_ERROR_NOMEMORY)
		alloc_fail();
	pcre2_match_data_free(data);
	pcre2_match_context_free(context);
	return r >= 0 ? 1 : r == PCRE2_ERROR_NOMATCH ? 0 : -1;
}

/* Negative: not known, since this iteration's steps are used up. */
static int list_match(const struct pattern_list *patterns, const char *name, uint32_t *turn)
{
	for (size_t i = 0; i < patterns->count; i++) {
		struct pattern *pattern = &patterns->list[i];
		struct steps steps = { PATTERN_STEPS_MAX, turn };
		int r = pattern->refused ? 0 : pattern_match(pattern, name, &steps);

		if (r > 0 || (r < 0 && !*turn))
			return r;
		if (r < 0) {
			pattern->refused = true;
			log_warn("the regular expression '%s' takes too many steps at %s; it "
				 "matches no other interfaces than before",
				 pattern->text, name);
		}
	}
	return 0;
}

bool pattern_list_matches(struct pattern_list *patterns, const char *name, uint32_t *steps)
{
	struct pattern_name *known;
	int r;

	HASH_FIND_STR(patterns->known, name, known);
	if (known)
		return known->matches;
	r = list_match(patterns, name, steps);
	if (r < 0)
		return false;
	if (HASH_COUNT(patterns->known) == KNOWN_MAX)
		forget_names(patterns);
	known = xcalloc(1, sizeof(*known));
	strncpy(known->name, name, sizeof(known->name) - 1);
	known->matches = r;
	HASH_ADD_STR(patterns->known, name, known);
	return r;
}
