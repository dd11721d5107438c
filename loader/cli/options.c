// SPDX-License-Identifier: GPL-2.0-or-later
/* Options and commands: parsing and help from the same tables. */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "edit_distance.h"
#include "options.h"
#include "suggest.h"
#include "text.h"

#define SUGGEST_TEXT (EDIT_DISTANCE_MAX_LENGTH + 32)

static bool take_flag(const char *text, void *field)
{
	*(bool *)field = true;
	return true;
}

static bool take_text(const char *text, void *field)
{
	*(const char **)field = text;
	return *text;
}

static bool take_number(const char *text, void *field)
{
	char *end;
	unsigned long long number;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || number > INT32_MAX)
		return false;
	*(uint32_t *)field = number;
	return true;
}

static bool take_positive(const char *text, void *field)
{
	return take_number(text, field) && *(uint32_t *)field;
}

static bool take_seconds(const char *text, void *field)
{
	char *end;
	double seconds = strtod(text, &end);

	if (*end || end == text || !isfinite(seconds) || seconds < 0.1 || seconds > 86400)
		return false;
	*(double *)field = seconds;
	return true;
}

static bool take_mode(const char *text, void *field)
{
	static const struct {
		const char *name;
		enum attach_mode mode;
	} modes[] = {
		{ "auto", ATTACH_MODE_AUTO },
		{ "native", ATTACH_MODE_NATIVE },
		{ "skb", ATTACH_MODE_SKB },
	};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(text, modes[i].name)) {
			*(enum attach_mode *)field = modes[i].mode;
			return true;
		}
	return false;
}

#define OPTION(member, take_fn, ...) \
	{ .field = offsetof(struct cli_options, member), .take = take_fn, __VA_ARGS__ }

static const struct cli_option opt_json =
	OPTION(json, take_flag, .name = "json", .letter = 'j', .help = "machine-readable output");
static const struct cli_option opt_bpffs =
	OPTION(bpffs, take_text, .name = "bpffs", .argument = "DIR",
	       .help = "BPF file system that holds the pins (default " PINS_DEFAULT_BPFFS ")");
static const struct cli_option opt_verbose =
	OPTION(verbose, take_flag, .name = "verbose", .letter = 'v',
	       .help = "show what libbpf, libxdp and the verifier say");
static const struct cli_option opt_help =
	OPTION(help, take_flag, .name = "help", .letter = 'h', .help = "this help");
static const struct cli_option opt_version =
	OPTION(version, take_flag, .name = "version", .letter = 'V', .help = "print the version");

const struct cli_option cli_opt_mode =
	OPTION(attach.mode, take_mode, .name = "mode", .argument = "native|skb|auto",
	       .help = "XDP mode; auto (default): native, and skb where the driver refuses that");
const struct cli_option cli_opt_priority =
	OPTION(attach.priority, take_number, .name = "priority", .argument = "N",
	       .help = "place among other programs, lower runs first (default: as it is; 20 for a "
		       "new one)");
const struct cli_option cli_opt_max_entries = OPTION(
	max_entries, take_positive, .name = "max-entries", .argument = "N",
	.help = "at most so many addresses of each family (default 1048576); memory is taken as "
		"they are added");
const struct cli_option cli_opt_dry_run =
	OPTION(attach.dry_run, take_flag, .name = "dry-run",
	       .help = "load and verify, say what would be done, change nothing");
const struct cli_option cli_opt_all =
	OPTION(all, take_flag, .name = "all", .help = "on every interface");
const struct cli_option cli_opt_watch =
	OPTION(watch_seconds, take_seconds, .name = "watch", .argument = "SECONDS",
	       .takes = "seconds from 0.1 to 86400",
	       .help = "again every SECONDS, with rates, until interrupted");
const struct cli_option cli_opt_wait =
	OPTION(wait_seconds, take_seconds, .name = "wait", .argument = "SECONDS",
	       .takes = "seconds from 0.1 to 86400",
	       .help = "wait so long at most for the lease of an agent that ended");
const struct cli_option cli_opt_count =
	OPTION(count, take_positive, .name = "count", .argument = "N", .takes = "a number from 1",
	       .help = "times to announce (default 3)");
const struct cli_option cli_opt_interval =
	OPTION(interval_ms, take_number, .name = "interval", .argument = "MS",
	       .help = "milliseconds in between (default 1100)");
const struct cli_option cli_opt_limit =
	OPTION(limit, take_positive, .name = "count", .argument = "N", .takes = "a number from 1",
	       .help = "end after N requests");
const struct cli_option cli_opt_write =
	OPTION(write, take_text, .name = "write", .letter = 'w', .argument = "FILE.pcap|-",
	       .help = "write the frames to a pcap file, or to a pipe");

const struct cli_option cli_opt_ipv4 =
	OPTION(ipv4, take_flag, .name = "ipv4", .letter = '4', .help = "IPv4 addresses only");
const struct cli_option cli_opt_ipv6 =
	OPTION(ipv6, take_flag, .name = "ipv6", .letter = '6', .help = "IPv6 addresses only");
const struct cli_option cli_opt_answered =
	OPTION(answered, take_flag, .name = "answered",
	       .help = "only addresses for which an answer was sent");

const struct cli_option *const cli_global_options[] = {
	&opt_json, &opt_bpffs, &opt_verbose, &opt_help, &opt_version, NULL,
};

#define MAX_OPTIONS 16

/* The options of a command, in getopt_long()'s form. */
struct getopt_table {
	const struct cli_option *options[MAX_OPTIONS];
	struct option longs[MAX_OPTIONS + 1];
	char shorts[3 * MAX_OPTIONS + 2];
	int count;
};

static void getopt_table_add(struct getopt_table *table, const struct cli_option *const *options)
{
	for (; options && *options; options++) {
		int i = table->count++;
		size_t used = strlen(table->shorts);

		table->options[i] = *options;
		table->longs[i] = (struct option){
			.name = (*options)->name,
			.has_arg = (*options)->argument ? required_argument : no_argument,
			.val = 256 + i,
		};
		if ((*options)->letter)
			snprintf(table->shorts + used, sizeof(table->shorts) - used, "%c%s",
				 (*options)->letter, (*options)->argument ? ":" : "");
	}
}

static const struct cli_option *getopt_table_find(const struct getopt_table *table, int value)
{
	if (value >= 256)
		return table->options[value - 256];
	for (int i = 0; i < table->count; i++)
		if (table->options[i]->letter == value)
			return table->options[i];
	return NULL;
}

/* " (did you mean 'WORD'?)", or nothing where no word is near. */
static const char *did_you_mean(const struct suggestion *near, const char *prefix,
				char text[SUGGEST_TEXT])
{
	*text = '\0';
	if (near->word)
		snprintf(text, SUGGEST_TEXT, " (did you mean '%s%s'?)", prefix, near->word);
	return text;
}

static int no_option(const struct cli_command *command, const struct getopt_table *table,
		     const char *word)
{
	char typed[EDIT_DISTANCE_MAX_LENGTH + 2] = "", text[SUGGEST_TEXT];
	struct suggestion near = { .typed = typed };

	/* the length without the argument; a longer word is near to none */
	if (!strncmp(word, "--", 2))
		snprintf(typed, sizeof(typed), "%.*s", (int)strcspn(word + 2, "="), word + 2);
	for (int i = 0; i < table->count && *typed; i++)
		suggest_consider(&near, table->options[i]->name);
	return cli_usage(command, "no option '%s'%s", word, did_you_mean(&near, "--", text));
}

/* Makes one getopt pass; words that aren't options stay. Returns CLI_DONE, or CLI_USAGE with the
 * error printed. */
static int parse_pass(const struct getopt_table *table, const struct cli_command *command, int argc,
		      char **argv, struct cli_options *options)
{
	int value;

	opterr = 0;
	while ((value = getopt_long(argc, argv, table->shorts, table->longs, NULL)) != -1) {
		const struct cli_option *option = getopt_table_find(table, value);

		if (value == ':')
			return cli_usage(command, "%s needs an argument", argv[optind - 1]);
		if (!option && optopt >= 256)
			return cli_usage(command, "%s takes no argument", argv[optind - 1]);
		if (!option && optopt)
			return cli_usage(command, "no option '-%c'", optopt);
		if (!option)
			return no_option(command, table, argv[optind - 1]);
		if (!option->take(optarg, (char *)options + option->field))
			return cli_usage(command, "--%s takes %s, not '%s'", option->name,
					 option->takes ?: option->argument, optarg);
	}
	return CLI_DONE;
}

static bool is_called(const struct cli_command *command, const char *word, struct suggestion *near)
{
	if (!strcmp(word, command->name))
		return true;
	suggest_consider(near, command->name);
	for (const char *const *alias = command->aliases; alias && *alias; alias++) {
		if (!strcmp(word, *alias))
			return true;
		suggest_consider(near, *alias);
	}
	return false;
}

int cli_command_find(const char *word, const struct cli_command **ret_command)
{
	struct suggestion near = { .typed = word };
	char text[SUGGEST_TEXT];

	for (int i = 0; cli_commands[i]; i++)
		if (is_called(cli_commands[i], word, &near)) {
			*ret_command = cli_commands[i];
			return CLI_DONE;
		}
	return cli_usage(NULL, "no command '%s'%s", word, did_you_mean(&near, "", text));
}

int cli_parse(int argc, char **argv, struct cli_options *ret_options,
	      const struct cli_command **ret_command, int *ret_words)
{
	struct cli_options options = {
		.bpffs = PINS_DEFAULT_BPFFS,
		.attach.priority = ATTACH_KEEP_PRIORITY,
		.count = 3,
		.interval_ms = 1100,
	};
	/* '+': stop at the first word, the command; ':': return ':' for a missing argument */
	struct getopt_table before = { .shorts = "+:" }, after = { .shorts = ":" };
	const struct cli_command *command = NULL;
	int r, at;

	cli_errors_as_json(text_json_asked(argc, argv));
	getopt_table_add(&before, cli_global_options);
	r = parse_pass(&before, NULL, argc, argv, &options);
	if (r)
		return r;
	at = optind;
	if (at < argc) {
		r = cli_command_find(argv[at], &command);
		if (r)
			return r;
		getopt_table_add(&after, cli_global_options);
		getopt_table_add(&after, command->options);
		optind = 0;
		r = parse_pass(&after, command, argc - at, argv + at, &options);
		if (r)
			return r;
		at += optind;
	} else if (!options.help && !options.version) {
		return cli_usage(NULL, "a command is missing");
	}
	cli_errors_as_json(options.json);
	*ret_options = options;
	*ret_command = command;
	*ret_words = at;
	return CLI_DONE;
}

static void print_options(const struct cli_option *const *options)
{
	for (; options && *options; options++) {
		char left[64], letter[8] = "    ";

		if ((*options)->letter)
			snprintf(letter, sizeof(letter), "-%c, ", (*options)->letter);
		snprintf(left, sizeof(left), "%s--%s %s", letter, (*options)->name,
			 (*options)->argument ?: "");
		printf("  %-30s %s\n", left, (*options)->help);
	}
}

/* "show, ls" */
static void print_aliases(const struct cli_command *command)
{
	for (const char *const *alias = command->aliases; *alias; alias++)
		printf("%s%s", alias == command->aliases ? "" : ", ", *alias);
}

void cli_print_help(const struct cli_command *command)
{
	if (command) {
		printf("Usage: " CLI_NAME " %s %s", command->name, command->words);
		for (const struct cli_option *const *option = command->options; option && *option;
		     option++)
			if (!strstr(command->words, (*option)->name)) /* words may have --all */
				printf(" [--%s%s%s]", (*option)->name,
				       (*option)->argument ? " " : "", (*option)->argument ?: "");
		printf("\n\n%s.\n", command->summary);
		if (command->aliases) {
			printf("Other names: ");
			print_aliases(command);
			puts(".");
		}
		if (command->details)
			printf("\n%s", command->details);
		printf("\nOptions:\n");
		print_options(command->options);
		print_options(cli_global_options);
		return;
	}
	printf("Usage: " CLI_NAME " [OPTIONS] COMMAND [...]\n\n"
	       "Answers ARP and neighbour discovery for service addresses from the NIC driver's XDP hook.\n\nCommands:\n");
	for (int i = 0; cli_commands[i]; i++) {
		printf("  %-10s %s", cli_commands[i]->name, cli_commands[i]->summary);
		if (cli_commands[i]->aliases) {
			printf(" (or ");
			print_aliases(cli_commands[i]);
			putchar(')');
		}
		putchar('\n');
	}
	printf("\nOptions, before or after the command:\n");
	print_options(cli_global_options);
	printf("\nExample:\n"
	       "  " CLI_NAME " attach eth1\n"
	       "  " CLI_NAME " add 10.0.10.0 dev eth1\n"
	       "  " CLI_NAME " add 2001:db8::10 dev eth1\n"
	       "  " CLI_NAME " list\n\n"
	       "'" CLI_NAME " help COMMAND' explains a command.\n");
}
