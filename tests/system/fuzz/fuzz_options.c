// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Command lines, a word a line: every value is in its range, and what was understood, written out,
 * is understood as the same.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "fail.h"

#define MAX_WORDS 32

struct line {
	int argc;
	char *argv[MAX_WORDS + 1];
};

struct parsed {
	struct cli_options options;
	const struct cli_command *command;
	int words;
};

static void line_add(struct line *line, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void line_add(struct line *line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (line->argc == MAX_WORDS || vasprintf(&line->argv[line->argc], format, args) < 0)
		abort();
	line->argc++;
	va_end(args);
}

static void line_free(struct line *line)
{
	for (int i = 0; i < line->argc; i++)
		free(line->argv[i]);
}

static int line_parse(struct line *line, struct parsed *ret_parsed)
{
	optind = 0; /* glibc: begin anew */
	return cli_parse(line->argc, line->argv, &ret_parsed->options, &ret_parsed->command,
			 &ret_parsed->words);
}

static bool takes(const struct cli_command *command, const struct cli_option *option)
{
	for (const struct cli_option *const *at = command->options; at && *at; at++)
		if (*at == option)
			return true;
	return false;
}

/* Those that are numbers from 1: 0 is the default, which can't be asked for. */
static const struct {
	const struct cli_option *option;
	const char *name;
	size_t field;
} numbers[] = {
	{ &cli_opt_max_entries, "max-entries", offsetof(struct cli_options, max_entries) },
	{ &cli_opt_count, "count", offsetof(struct cli_options, count) },
	{ &cli_opt_limit, "count", offsetof(struct cli_options, limit) },
};

static void write_options(const struct parsed *parsed, struct line *line)
{
	static const char *const modes[] = { [ATTACH_MODE_AUTO] = "auto",
					     [ATTACH_MODE_NATIVE] = "native",
					     [ATTACH_MODE_SKB] = "skb" };
	const struct cli_options *options = &parsed->options;
	const struct cli_command *command = parsed->command;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		uint32_t number = *(uint32_t *)((char *)options + numbers[i].field);

		if (takes(command, numbers[i].option) && number)
			line_add(line, "--%s=%u", numbers[i].name, number);
	}
	if (takes(command, &cli_opt_interval))
		line_add(line, "--interval=%u", options->interval_ms);
	if (takes(command, &cli_opt_priority) && options->attach.priority != ATTACH_KEEP_PRIORITY)
		line_add(line, "--priority=%u", options->attach.priority);
	if (takes(command, &cli_opt_mode))
		line_add(line, "--mode=%s", modes[options->attach.mode]);
	if (options->attach.dry_run)
		line_add(line, "--dry-run");
	if (options->all)
		line_add(line, "--all");
	if (options->ipv4)
		line_add(line, "-4");
	if (options->ipv6)
		line_add(line, "--ipv6");
	if (options->answered)
		line_add(line, "--answered");
	if (options->watch_seconds != 0)
		line_add(line, "--watch=%.17g", options->watch_seconds);
	if (options->write)
		line_add(line, "--write=%s", options->write);
}

static void write_line(const struct line *from, const struct parsed *parsed, struct line *to)
{
	line_add(to, CLI_NAME);
	if (parsed->options.json)
		line_add(to, "--json");
	if (parsed->options.verbose)
		line_add(to, "-v");
	if (parsed->options.help)
		line_add(to, "--help");
	if (parsed->options.version)
		line_add(to, "-V");
	line_add(to, "--bpffs=%s", parsed->options.bpffs);
	if (!parsed->command)
		return;
	line_add(to, "%s", parsed->command->name);
	write_options(parsed, to);
	line_add(to, "--");
	for (int i = parsed->words; i < from->argc; i++)
		line_add(to, "%s", from->argv[i]);
}

static bool text_equal(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* The words that stand behind are another's to understand. */
static bool equal(const struct parsed *a, const struct parsed *b)
{
	struct cli_options left = a->options, right = b->options;

	if (a->command != b->command || !text_equal(left.bpffs, right.bpffs) ||
	    !text_equal(left.write, right.write))
		return false;
	return left.json == right.json && left.verbose == right.verbose &&
	       left.help == right.help && left.version == right.version && left.all == right.all &&
	       left.ipv4 == right.ipv4 && left.ipv6 == right.ipv6 &&
	       left.answered == right.answered && left.attach.mode == right.attach.mode &&
	       left.attach.priority == right.attach.priority &&
	       left.attach.dry_run == right.attach.dry_run &&
	       left.max_entries == right.max_entries && left.count == right.count &&
	       left.watch_seconds == right.watch_seconds && left.interval_ms == right.interval_ms &&
	       left.limit == right.limit;
}

static void check_values(const struct line *line, const struct parsed *parsed)
{
	const struct cli_options *options = &parsed->options;

	if (!parsed->command && !options->help && !options->version)
		fail("found", "no command");
	if (parsed->words > line->argc || (parsed->command && parsed->words < 2))
		fail("found", "words that aren't there");
	if (!options->count || options->count > INT32_MAX || options->limit > INT32_MAX ||
	    options->interval_ms > INT32_MAX || options->max_entries > INT32_MAX ||
	    (options->attach.priority > INT32_MAX &&
	     options->attach.priority != ATTACH_KEEP_PRIORITY))
		fail("found", "a number out of range");
	if (options->watch_seconds != 0 &&
	    !(options->watch_seconds >= 0.1 && options->watch_seconds <= 86400))
		fail("found", "seconds out of range");
	if (!*options->bpffs || (options->write && !*options->write))
		fail("found", "an empty name");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct line line = {}, written = {};
	struct parsed parsed, again;

	line_add(&line, CLI_NAME);
	for (size_t length; size && line.argc < 12; data += length, size -= length) {
		const uint8_t *end = memchr(data, '\n', size);

		length = end ? (size_t)(end - data) : size;
		line_add(&line, "%.*s", (int)length, (const char *)data);
		length += end != NULL;
	}
	if (line_parse(&line, &parsed) == CLI_DONE) {
		check_values(&line, &parsed);
		write_line(&line, &parsed, &written);
		if (line_parse(&written, &again) != CLI_DONE || !equal(&parsed, &again))
			fail("found", "understood otherwise when written out");
		for (int i = parsed.words, j = again.words; i < line.argc || j < written.argc;
		     i++, j++)
			if (i >= line.argc || j >= written.argc ||
			    strcmp(line.argv[i], written.argv[j]) != 0)
				fail("found", "other words when written out");
		line_free(&written);
	}
	line_free(&line);
	return 0;
}
