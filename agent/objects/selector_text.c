// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>

#include "alloc.h"
#include "json.h"
#include "selector_text.h"

#define BLANKS	" \t"
#define NO_WORD " \t,=!()"
/* Tenants write it in annotations, and each word takes memory and time. */
#define TEXT_MAX_LEN 16384

/* The rest of the text to parse. */
struct reader {
	const char *at;
};

static void skip_blanks(struct reader *reader)
{
	reader->at += strspn(reader->at, BLANKS);
}

/* Skips @token and blanks after it; false: the text doesn't begin with @token. */
static bool accept(struct reader *reader, const char *token)
{
	if (strncmp(reader->at, token, strlen(token)) != 0)
		return false;
	reader->at += strlen(token);
	skip_blanks(reader);
	return true;
}

/* Reads the next word, which may be empty, as a JSON string. */
static json_t *read_word(struct reader *reader)
{
	size_t length = strcspn(reader->at, NO_WORD);
	json_t *word = json_stringn(reader->at, length);

	reader->at += length;
	skip_blanks(reader);
	return word;
}

/* Skips "in" or "notin" if it is a separate word. */
static bool accept_word(struct reader *reader, const char *word)
{
	return strcspn(reader->at, NO_WORD) == strlen(word) && accept(reader, word);
}

/* Reads "(a, b)" into @values. */
static bool read_list(struct reader *reader, json_t *values)
{
	if (!accept(reader, "("))
		return false;
	do
		json_array_append_new(values, read_word(reader));
	while (accept(reader, ","));
	return accept(reader, ")");
}

/* Reads the operator after a key, and its values into @values. NULL: there is no operator. */
static const char *read_operator(struct reader *reader, json_t *values)
{
	const char *one = accept(reader, "!=")				? "NotIn"
			  : accept(reader, "==") || accept(reader, "=") ? "In"
									: NULL;
	const char *many;

	if (one) {
		json_array_append_new(values, read_word(reader));
		return one;
	}
	if (!*reader->at || *reader->at == ',')
		return "Exists";
	many = accept_word(reader, "in") ? "In" : accept_word(reader, "notin") ? "NotIn" : NULL;
	return many && read_list(reader, values) ? many : NULL;
}

/* Reads the next requirement as an element of matchExpressions; NULL: it is malformed. */
static json_t *read_requirement(struct reader *reader)
{
	bool negated = accept(reader, "!");
	json_t *key = read_word(reader), *values = json_array();
	const char *op = read_operator(reader, values);
	bool exists = op && !json_array_size(values);

	if (!op || (negated && !exists) || !json_string_length(key)) {
		json_decref(key);
		json_decref(values);
		return NULL;
	}
	return json_pack("{so ss so}", "key", key, "operator", negated ? "DoesNotExist" : op,
			 "values", values);
}

static int malformed(const char *name, const char *at, struct err *err)
{
	return err_set(err, -EINVAL, "%s: no label selector at '%s'; such as zone=a,disk in (b, c)",
		       name, at);
}

int selector_parse_text(const char *name, const char *text, struct selector *ret_selector,
			struct err *err)
{
	const struct place place = { name, NULL };
	struct reader reader = { text };
	json_t *list, *object, *requirement;
	int r = 0;

	if (strlen(text) > TEXT_MAX_LEN)
		return err_set(err, -EINVAL, "%s: longer than %d bytes", name, TEXT_MAX_LEN);
	list = json_array();
	skip_blanks(&reader);
	do {
		const char *begin = reader.at;

		if (!*begin && !json_array_size(list))
			break;
		requirement = read_requirement(&reader);
		if (!requirement || (*reader.at && *reader.at != ','))
			r = malformed(name, begin, err);
		json_array_append_new(list, requirement);
	} while (!r && accept(&reader, ","));
	object = json_pack("{s{so}}", "selector", "matchExpressions", list);
	if (!r)
		r = selector_parse(&place, object, "selector", ret_selector, err);
	json_decref(object);
	return r;
}
