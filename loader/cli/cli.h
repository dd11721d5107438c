/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the commands: options, arguments and output. */
#ifndef XDP_L2RESP_CLI_H
#define XDP_L2RESP_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>

#include "attach.h"
#include "err.h"
#include "pins.h"

#define CLI_NAME "xdp-l2resp"

enum cli_exit {
	CLI_DONE = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
};

/* All options of all commands; options that a command doesn't have keep their defaults. */
struct cli_options {
	const char *bpffs;
	bool json;
	bool verbose;
	bool help;
	bool version;
	bool all;
	bool ipv4, ipv6; /* neither: both */
	bool answered;
	struct attach_options attach;
	uint32_t max_entries; /* 0: that of the pins, else the default */
	double watch_seconds; /* 0: print once */
	double wait_seconds;  /* 0: don't wait */
	uint32_t count;
	uint32_t interval_ms;
	uint32_t limit;	   /* 0: none */
	const char *write; /* a file, or - */
};

struct cli_option;

struct cli_command {
	const char *name;
	const char *const *aliases; /* NULL-terminated, or NULL */
	const char *words;	    /* its arguments, in a manual's notation */
	const char *summary;
	const struct cli_option *const *options; /* NULL-terminated, without the global ones */
	const char *details;			 /* paragraphs and examples */
	/* @words: the arguments after the command, NULL-terminated. Returns an exit status. */
	int (*run)(const struct cli_options *options, int count, char **words);
};

/* Options, as commands name them in their tables. */
extern const struct cli_option cli_opt_mode, cli_opt_priority, cli_opt_max_entries, cli_opt_dry_run,
	cli_opt_all, cli_opt_watch, cli_opt_wait, cli_opt_count, cli_opt_interval, cli_opt_limit,
	cli_opt_write, cli_opt_ipv4, cli_opt_ipv6, cli_opt_answered;

extern const struct cli_command cmd_attach, cmd_detach, cmd_status, cmd_add, cmd_del, cmd_list,
	cmd_flush, cmd_import, cmd_save, cmd_stats, cmd_announce, cmd_explain, cmd_monitor,
	cmd_doctor, cmd_support, cmd_help;

/* All commands in the order of the help, NULL-terminated. */
extern const struct cli_command *const cli_commands[];

/*
 * Parses global options, the command and its options in @argv. Returns CLI_DONE with *ret_command
 * (NULL if only --help or --version was requested) and *ret_words, the index of the first word
 * after the command; or CLI_USAGE with the error printed.
 */
int cli_parse(int argc, char **argv, struct cli_options *ret_options,
	      const struct cli_command **ret_command, int *ret_words);

/* Finds the command by its name or an alias. Returns CLI_DONE, or CLI_USAGE with an error printed
 * that suggests a similar name. */
int cli_command_find(const char *word, const struct cli_command **ret_command);

/* Prints help on @command, or on the program (NULL), to stdout. */
void cli_print_help(const struct cli_command *command);

/* For --json: errors are printed as {"error": "SENTENCE"}. Notes stay text. */
void cli_errors_as_json(bool json);

/* Prints "xdp-l2resp: SENTENCE" on stderr; returns CLI_FAILED. */
int cli_fail(const struct err *err);

/* cli_fail() for an imported file: the JSON object also gets the array @lines. */
int cli_fail_lines(const struct err *err, json_t *lines);

/* Prints an error in the arguments, and which help to read; returns CLI_USAGE. */
int cli_usage(const struct cli_command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Prints a note on stderr, without effect on the exit status. */
void cli_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * pins_open_locked(), or pins_open_locked_existing() without @create. Finishes a growth that was
 * killed, and updates VLAN devices. Pins of a network namespace in which nothing is attached are
 * taken over, with a note, if @create, else refused.
 */
int cli_open_locked(const struct cli_options *options, bool create, struct pins *ret_pins,
		    struct err *err);

/* Prints a note if @link is a port of a bond or a team, and returns whether it is. */
bool cli_note_lag_port(const struct link *link);

/* Prints a note if the program for @link isn't attached, so that its addresses don't answer. */
void cli_note_unless_attached(const struct pins *pins, const struct link *link);

/* For commands that also work without pins. @r, @err: the result of opening @pins. Sets *ret_pins
 * to
 * @pins, or to NULL if nothing is pinned. Returns @r for any other failure, else 0. */
int cli_pins_if_any(int r, struct pins *pins, const struct pins **ret_pins, const struct err *err);

/* Parses "[dev] IFACE" and nothing more: CLI_DONE and the name, or CLI_USAGE with the error
 * printed.
 */
int cli_take_dev(const struct cli_command *command, int count, char **words, const char **ret_name);

/* Checks that @words begin with "ADDR dev IFACE"; the caller checks what follows. CLI_DONE, or
 * CLI_USAGE with the error printed. */
int cli_check_address_dev(const struct cli_command *command, int count, char **words);

/* A JSON array on stdout, printed row by row, since a million rows need too much memory. */
struct cli_array {
	size_t rows;
};

void cli_array_begin(struct cli_array *array);
/* Prints @row, which it takes over. */
void cli_array_row(struct cli_array *array, json_t *row);
void cli_array_end(struct cli_array *array);

/* Prints @object, which it takes over, on a line of its own. */
void cli_print_json(json_t *object);

/* Flushes stdout. Returns CLI_FAILED, with the error printed, if a write failed (a closed pipe, a
 * full disk). */
int cli_finish_output(void);

#endif
