// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach_state.h"
#include "cli.h"
#include "device.h"
#include "filter.h"
#include "grow.h"
#include "vlan.h"

/* Parses @text into @field. Returns false where it isn't what the option takes. */
typedef bool cli_take_fn(const char *text, void *field);

struct cli_option {
	const char *name;
	char letter;	      /* 0: none */
	const char *argument; /* NULL: a flag */
	const char *help;
	const char *takes; /* for errors, where the argument's name doesn't say it */
	size_t field;	   /* offset in struct cli_options */
	cli_take_fn *take;
};

static bool take_flag(const char *text, void *field)
{
	(void)text;
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

#define OPTION(member, take_fn, ...)                                                        \
	{                                                                                   \
		.field = offsetof(struct cli_options, member), .take = take_fn, __VA_ARGS__ \
	}

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
const struct cli_option cli_opt_count =
	OPTION(count, take_positive, .name = "count", .argument = "N", .takes = "a number from 1",
	       .help = "times to announce (default 3)");
const struct cli_option cli_opt_interval =
	OPTION(interval_ms, take_number, .name = "interval", .argument = "MS",
	       .help = "milliseconds in between (default 1100: Linux ignores repeats within 1 s)");
const struct cli_option cli_opt_limit =
	OPTION(limit, take_positive, .name = "count", .argument = "N", .takes = "a number from 1",
	       .help = "end after N requests");
const struct cli_option cli_opt_write =
	OPTION(write, take_text, .name = "write", .letter = 'w', .argument = "FILE.pcap|-",
	       .help = "write the frames to a pcap file, or to a pipe");

static const struct cli_option *const global_options[] = {
	&opt_json, &opt_bpffs, &opt_verbose, &opt_help, &opt_version, NULL,
};

#define MAX_OPTIONS 16

/* Options in force, as getopt_long() wants them. */
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

/* One getopt pass; words that aren't options stay. Returns CLI_DONE or CLI_USAGE, said. */
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
			return cli_usage(command, "no option '%s'", argv[optind - 1]);
		if (!option->take(optarg, (char *)options + option->field))
			return cli_usage(command, "--%s takes %s, not '%s'", option->name,
					 option->takes ?: option->argument, optarg);
	}
	return CLI_DONE;
}

const struct cli_command *cli_command_find(const char *word)
{
	for (int i = 0; cli_commands[i]; i++)
		if (!strcmp(word, cli_commands[i]->name))
			return cli_commands[i];
	return NULL;
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
	/* '+': stop at the first word, which is the command; ':': a missing argument is told apart
	 */
	struct getopt_table before = { .shorts = "+:" }, after = { .shorts = ":" };
	const struct cli_command *command = NULL;
	int r, at;

	getopt_table_add(&before, global_options);
	r = parse_pass(&before, NULL, argc, argv, &options);
	if (r)
		return r;
	at = optind;
	if (at < argc) {
		command = cli_command_find(argv[at]);
		if (!command)
			return cli_usage(NULL, "no command '%s'", argv[at]);
		getopt_table_add(&after, global_options);
		getopt_table_add(&after, command->options);
		optind = 0;
		r = parse_pass(&after, command, argc - at, argv + at, &options);
		if (r)
			return r;
		at += optind;
	} else if (!options.help && !options.version) {
		return cli_usage(NULL, "a command is missing");
	}
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

void cli_print_help(const struct cli_command *command)
{
	if (command) {
		printf("Usage: " CLI_NAME " %s %s", command->name, command->words);
		for (const struct cli_option *const *option = command->options; option && *option;
		     option++)
			if (!strstr(command->words, (*option)->name)) /* --all stands there */
				printf(" [--%s%s%s]", (*option)->name,
				       (*option)->argument ? " " : "", (*option)->argument ?: "");
		printf("\n\n%s.\n", command->summary);
		if (command->details)
			printf("\n%s", command->details);
		printf("\nOptions:\n");
		print_options(command->options);
		print_options(global_options);
		return;
	}
	printf("Usage: " CLI_NAME " [OPTIONS] COMMAND [...]\n\n"
	       "Answers ARP and neighbour discovery for service addresses from the NIC driver's XDP hook.\n\nCommands:\n");
	for (int i = 0; cli_commands[i]; i++)
		printf("  %-10s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
	printf("\nOptions, before or after the command:\n");
	print_options(global_options);
	printf("\nExample:\n"
	       "  " CLI_NAME " attach eth1\n"
	       "  " CLI_NAME " add 10.0.10.0 dev eth1\n"
	       "  " CLI_NAME " add 2001:db8::10 dev eth1\n"
	       "  " CLI_NAME " list\n\n"
	       "'" CLI_NAME " help COMMAND' explains a command.\n");
}

int cli_fail(const struct err *err)
{
	/* what was printed before the failure comes first where both go to one place */
	fflush(stdout);
	fprintf(stderr, CLI_NAME ": %s\n", err->text);
	return CLI_FAILED;
}

int cli_fail_memory(void)
{
	struct err err;

	err_set(&err, -ENOMEM, "out of memory");
	return cli_fail(&err);
}

static void say(const char *prefix, const char *format, va_list args)
{
	fflush(stdout);
	fputs(prefix, stderr);
	vfprintf(stderr, format, args);
}

int cli_usage(const struct cli_command *command, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(CLI_NAME ": ", format, args);
	va_end(args);
	fprintf(stderr, "; see '" CLI_NAME " help%s%s'\n", command ? " " : "",
		command ? command->name : "");
	return CLI_USAGE;
}

void cli_note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(CLI_NAME ": note: ", format, args);
	va_end(args);
	fputc('\n', stderr);
}

void cli_note_unless_attached(const struct pins *pins, const struct link *link)
{
	const struct attach_options options = { .priority = ATTACH_KEEP_PRIORITY };
	struct err ignored, refused;
	struct vlan_hook hook;

	if (vlan_find_hook(pins, link->ifindex, &hook, &ignored) < 0 ||
	    attach_is_current(&hook.state))
		return;
	if (attach_check(pins, &hook.link, &options, &refused) < 0)
		cli_note("nothing answers on %s: %s", link->name, refused.text);
	else
		cli_note("nothing answers on %s until `" CLI_NAME " attach %s` has run", link->name,
			 hook.link.name);
}

int cli_open_locked(const struct cli_options *options, bool create, struct pins *ret_pins,
		    struct err *err)
{
	struct pins pins = PINS_NONE;
	bool orphaned;
	size_t dropped;
	int r;

	if (create)
		r = pins_open_locked(options->bpffs, options->max_entries, &pins, err);
	else
		r = pins_open_locked_existing(options->bpffs, &pins, err);
	if (r < 0)
		return r;
	orphaned = pins.orphaned;
	if (orphaned && !create)
		r = err_set(
			err, -EXDEV,
			"%s served another network namespace, in which nothing is attached; attach or add "
			"here to take it over",
			pins.dir);
	if (!r)
		r = device_adopt(&pins, &dropped, err);
	if (!r)
		r = grow_settle(&pins, err);
	if (!r)
		/* numbers of another namespace's interfaces say nothing */
		r = orphaned ? vlan_sync(&pins, err) : vlan_follow(&pins, cli_note, err);
	if (r < 0) {
		pins_undo_create(&pins);
		pins_close(&pins);
		return r;
	}
	if (orphaned)
		filter_sync_all(&pins, cli_note);
	if (orphaned)
		cli_note(
			"took over the pins of a network namespace in which nothing is attached; %zu "
			"addresses of interfaces that aren't here were dropped",
			dropped);
	*ret_pins = pins;
	return 0;
}

int cli_take_dev(const struct cli_command *command, int count, char **words, const char **ret_name)
{
	bool dev = count && !strcmp(words[0], "dev");

	if (count == dev)
		return cli_usage(command,
				 dev ? "'dev' needs an interface" : "'dev IFACE' is missing");
	if (count > dev + 1)
		return cli_usage(command, "'%s' is one word too many", words[dev + 1]);
	*ret_name = words[dev];
	return CLI_DONE;
}

void cli_array_begin(struct cli_array *array)
{
	array->rows = 0;
	putchar('[');
}

void cli_array_row(struct cli_array *array, json_t *row)
{
	fputs(array->rows++ ? ",\n " : "", stdout);
	json_dumpf(row, stdout, 0);
	json_decref(row);
}

void cli_array_end(struct cli_array *array)
{
	(void)array;
	puts("]");
}

void cli_print_json(json_t *object)
{
	json_dumpf(object, stdout, 0);
	putchar('\n');
	json_decref(object);
}

int cli_finish_output(void)
{
	struct err err;
	int r = err_stdout(&err);

	if (!r)
		return CLI_DONE;
	/* the reader has seen enough, as of `list | head` */
	return r == -EPIPE ? CLI_FAILED : cli_fail(&err);
}
