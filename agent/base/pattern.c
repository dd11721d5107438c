// SPDX-License-Identifier: GPL-2.0-or-later
#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <pcre2.h>

#include "alloc.h"
#include "pattern.h"

/*
 * What Go's regular expressions don't have, by how it begins. All of them but the possessive and
 * atomic ones could also make a match take exponential time.
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

void pattern_list_free(struct pattern_list *patterns)
{
	for (size_t i = 0; i < patterns->count; i++) {
		pcre2_code_free(patterns->list[i].code);
		free(patterns->list[i].text);
	}
	free(patterns->list);
	*patterns = (struct pattern_list){};
}

/* What of @text Go's expressions don't have, or NULL. */
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
			/* ']' is itself right behind the bracket */
			at += at[1] == '^';
			at += at[1] == ']';
		}
	}
	return NULL;
}

int pattern_list_add(struct pattern_list *patterns, const char *text, struct err *err)
{
	/* named groups are Go's, callouts and \C aren't */
	uint32_t options = PCRE2_NEVER_BACKSLASH_C | PCRE2_NEVER_UTF | PCRE2_DOLLAR_ENDONLY;
	const char *what = find_refused(text);
	uint32_t references = 0;
	PCRE2_SIZE at;
	pcre2_code *code;
	int error;

	if (what)
		return err_set(err, -EINVAL, "'%s' has %s, which Go's regular expressions don't",
			       text, what);
	code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, options, &error, &at, NULL);
	if (!code) {
		char said[128] = "";

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
	patterns->list[patterns->count++] = (struct pattern){ xstrdup(text), code };
	return 0;
}

bool pattern_list_matches(const struct pattern_list *patterns, const char *name)
{
	bool found = false;

	for (size_t i = 0; i < patterns->count && !found; i++) {
		pcre2_match_data *data =
			pcre2_match_data_create_from_pattern(patterns->list[i].code, NULL);

		found = data && pcre2_match(patterns->list[i].code, (PCRE2_SPTR)name, strlen(name),
					    0, 0, data, NULL) >= 0;
		pcre2_match_data_free(data);
	}
	return found;
}
