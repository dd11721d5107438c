// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "addr.h"
#include "cli.h"
#include "complete.h"
#include "entry.h"
#include "notation.h"
#include "options.h"
#include "outcomes.h"
#include "text.h"

/* Nobody reads more, and shells display them slowly. */
#define MAX_ADDRESSES 1000

/* The command line up to the word that is completed. */
struct line {
	const struct cli_command *command; /* NULL: none yet */
	const char *bpffs;
	const char *current;
	int prefix; /* length of the part, such as "--mode=", before the completed text */
	const struct cli_option *pending; /* whose argument @current is; NULL: none */
	char *words[64];		  /* after the command */
	int count;
};

/* Returns whether it was one. */
static bool offer(const struct line *line, const char *word, const char *text)
{
	const char *typed = line->current + line->prefix;

	if (strncmp(word, typed, strlen(typed)) != 0)
		return false;
	/* an interface's name may have control characters */
	text_print(stdout, "%.*s%s", line->prefix, line->current, word);
	printf("\t%s\n", text);
	return true;
}

static const struct cli_command *find_command(const char *word)
{
	for (int i = 0; cli_commands[i]; i++) {
		const char *const *alias = cli_commands[i]->aliases;

		if (!strcmp(word, cli_commands[i]->name))
			return cli_commands[i];
		for (; alias && *alias; alias++)
			if (!strcmp(word, *alias))
				return cli_commands[i];
	}
	return NULL;
}

static const struct cli_option *find_option(const struct cli_option *const *options,
					    const char *word)
{
	for (; options && *options; options++)
		if ((!strncmp(word, "--", 2) && !strcmp(word + 2, (*options)->name)) ||
		    (word[0] == '-' && word[1] == (*options)->letter && !word[2]))
			return *options;
	return NULL;
}

static const struct cli_option *option_of(const struct line *line, const char *word)
{
	return find_option(cli_global_options, word)
		       ?: find_option(line->command ? line->command->options : NULL, word);
}

/* Handles "--mode=sk", an argument in the same word. */
static void read_joined(struct line *line)
{
	size_t length = strcspn(line->current, "=");
	char name[64];

	if (line->pending || *line->current != '-' || !line->current[length] ||
	    length >= sizeof(name))
		return;
	snprintf(name, sizeof(name), "%.*s", (int)length, line->current);
	line->pending = option_of(line, name);
	if (line->pending && line->pending->argument)
		line->prefix = (int)length + 1;
	else
		line->pending = NULL;
}

static void read_line(int count, char **words, struct line *ret_line)
{
	struct line line = { .bpffs = PINS_DEFAULT_BPFFS,
			     .current = count ? words[count - 1] : "" };

	for (int i = 0; i < count - 1; i++) {
		const struct cli_option *option = option_of(&line, words[i]);

		if (option && option->argument && i + 2 == count)
			line.pending = option;
		else if (option && option->argument && !strcmp(option->name, "bpffs"))
			line.bpffs = words[++i];
		else if (option && option->argument)
			i++;
		else if (*words[i] == '-' && words[i][1])
			continue;
		else if (!line.command)
			line.command = find_command(words[i]);
		else if (line.count < (int)(sizeof(line.words) / sizeof(line.words[0])))
			line.words[line.count++] = words[i];
	}
	read_joined(&line);
	*ret_line = line;
}

static void offer_commands(const struct line *line)
{
	for (int i = 0; cli_commands[i]; i++) {
		const char *const *alias = cli_commands[i]->aliases;

		offer(line, cli_commands[i]->name, cli_commands[i]->summary);
		for (; alias && *alias; alias++)
			offer(line, *alias, cli_commands[i]->summary);
	}
}

static void offer_options(const struct line *line, const struct cli_option *const *options)
{
	for (; options && *options; options++) {
		char word[64];

		snprintf(word, sizeof(word), "--%s", (*options)->name);
		offer(line, word, (*options)->help);
	}
}

static void offer_interfaces(const struct line *line)
{
	struct if_nameindex *names = if_nameindex();

	for (size_t i = 0; names && names[i].if_index; i++)
		offer(line, names[i].if_name, "interface");
	if_freenameindex(names);
}

static void offer_addresses(const struct line *line)
{
	_cleanup_(entry_table_free) struct entry_table table = {};
	_cleanup_(pins_close) struct pins pins = PINS_NONE;
	char ip[INET6_ADDRSTRLEN];
	int offered = 0;
	struct err ignored;

	/* don't suggest existing addresses to `add` */
	if (line->command == &cmd_add || pins_open(line->bpffs, &pins, &ignored) < 0 ||
	    entry_read_all(&pins, 0, &table, &ignored) < 0)
		return;
	for (size_t i = 0; i < table.count && offered < MAX_ADDRESSES; i++) {
		address_format(&table.rows[i].key.address, ip);
		offered += offer(line, ip, "address");
	}
}

static void offer_outcomes(const struct line *line)
{
#define OFFER_OUTCOME(id, name, text) offer(line, #name, text);
	OUTCOMES(OFFER_OUTCOME)
}

static void offer_files(const struct line *line)
{
	puts(":file");
}

static void offer_directories(const struct line *line)
{
	puts(":dir");
}

/* Functions that complete placeholders in usage lines and of options' arguments; others have no
 * completion. */
static const struct {
	const char *name;
	void (*offer)(const struct line *line);
} placeholders[] = {
	{ "IFACE", offer_interfaces }, { "ADDR", offer_addresses }, { "NAME", offer_outcomes },
	{ "COMMAND", offer_commands }, { "FILE", offer_files },	    { "FILE.pcap", offer_files },
	{ "DIR", offer_directories },
};

static void offer_token(const struct line *line, const struct notation_token *token)
{
	char word[64];

	if (token->literal) {
		snprintf(word, sizeof(word), "%.*s", (int)token->length, token->text);
		/* options are completed separately */
		if (*word != '-')
			offer(line, word, "");
		return;
	}
	for (size_t i = 0; i < sizeof(placeholders) / sizeof(placeholders[0]); i++)
		if (notation_is(token, placeholders[i].name))
			placeholders[i].offer(line);
}

/* Completes one of the words in "native|skb|auto", or a placeholder. */
static void offer_argument(const struct line *line)
{
	const char *text = line->pending->argument;
	bool literal = *text < 'A' || *text > 'Z';

	while (*text) {
		size_t length = strcspn(text, "|");

		offer_token(line, &(struct notation_token){ text, length, literal });
		if (!literal)
			return;
		text += length + (text[length] == '|');
	}
}

void complete(int count, char **words)
{
	struct notation_token tokens[NOTATION_MAX];
	struct line line;
	size_t found;

	read_line(count, words, &line);
	if (line.pending) {
		offer_argument(&line);
	} else if (*line.current == '-') {
		if (line.command)
			offer_options(&line, line.command->options);
		offer_options(&line, cli_global_options);
	} else if (!line.command) {
		offer_commands(&line);
	} else {
		found = notation_next(line.command->words, line.count, line.words, tokens);
		for (size_t i = 0; i < found; i++)
			offer_token(&line, &tokens[i]);
	}
}
