// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>
#include <jansson.h>

#include "client.h"
#include "complete.h"
#include "notation.h"
#include "options.h"
#include "text.h"

static const struct {
	const char *name, *argument, *help;
	char letter;
} options[] = {
#define OPTION_ROW(letter, typed, name, argument, help) \
	{ "--" name, argument, help, (typed) ? (letter) : '\0' },
	AGENT_OPTIONS(OPTION_ROW)
};

static void offer(const char *current, const char *word, const char *text)
{
	if (strncmp(word, current, strlen(current)) != 0)
		return;
	/* a node's name in etcd may have any bytes */
	text_print(stdout, "%s", word);
	printf("\t%s\n", text);
}

static bool takes_argument(const char *word)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (options[i].argument &&
		    (!strcmp(word, options[i].name) ||
		     (word[0] == '-' && word[1] == options[i].letter && !word[2])))
			return true;
	return false;
}

/* Prints the names under @key of the agent's answer: a list, or an object's keys. */
static void offer_names(const char *current, const char *key, const char *text)
{
	json_t *names = client_names(), *list = json_object_get(names, key), *value;
	const char *name;
	size_t i;

	json_array_foreach(list, i, value) offer(current, json_string_value(value), text);
	json_object_foreach(list, name, value) offer(current, name, text);
	json_decref(names);
}

static void offer_token(const char *current, const struct notation_token *token)
{
	if (notation_is(token, "SERVICE"))
		offer_names(current, "services", "Service");
	else if (notation_is(token, "ADDR"))
		offer_names(current, "addresses", "address");
	else if (notation_is(token, "NODE"))
		offer_names(current, "nodes", "node");
}

static void offer_commands(const char *current)
{
	const char *name, *words, *summary;

	for (size_t i = 0; client_command(i, &name, &words, &summary); i++)
		offer(current, name, summary);
	offer(current, "help", "What --help prints");
}

/* The arguments of the command @word; NULL: there is no such command. */
static const char *words_of(const char *word)
{
	const char *name, *words, *summary;

	for (size_t i = 0; client_command(i, &name, &words, &summary); i++)
		if (!strcmp(name, word))
			return words;
	return NULL;
}

static void offer_options(const char *current)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		offer(current, options[i].name, options[i].help);
}

void complete(int count, char **words)
{
	const char *current = count ? words[count - 1] : "", *notation = NULL;
	struct notation_token tokens[NOTATION_MAX];
	char *given[4];
	size_t found;
	int n = 0;

	for (int i = 0; i < count - 1; i++) {
		if (takes_argument(words[i])) {
			/* the one that takes any takes a file */
			if (++i == count - 1) {
				puts(":file");
				return;
			}
		} else if (*words[i] != '-' && !notation) {
			notation = words_of(words[i]);
		} else if (*words[i] != '-' && n < (int)(sizeof(given) / sizeof(given[0]))) {
			given[n++] = words[i];
		}
	}
	if (*current == '-') {
		offer_options(current);
		return;
	}
	if (!notation) {
		offer_commands(current);
		return;
	}
	found = notation_next(notation, n, given, tokens);
	for (size_t i = 0; i < found; i++)
		offer_token(current, &tokens[i]);
}
