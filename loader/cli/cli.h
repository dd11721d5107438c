/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the commands share: options, output, and the words they take. */
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

/* Every option of every command; those that a command doesn't take keep their defaults. */
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
	uint32_t max_entries; /* 0: what is pinned, else the default */
	double watch_seconds; /* 0: once */
	double wait_seconds;  /* 0: don't */
	uint32_t count;
	uint32_t interval_ms;
	uint32_t limit;	   /* 0: none */
	const char *write; /* a file, or - */
};

struct cli_option;

struct cli_command {
	const char *name;
	const char *const *aliases; /* NULL-terminated, or NULL */
	const char *words;	    /* what it takes, in a manual's notation */
	const char *summary;
	const struct cli_option *const
		*options;    /* NULL-terminated; the global ones go without saying */
	const char *details; /* paragraphs and examples */
	/* @words: what follows the command, NULL-terminated. Returns an exit status. */
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
 * Parses global options, the command and its options out of @argv. Returns CLI_DONE with
 * *ret_command (NULL where only
 * --help or --version was asked for), the index of the first word after the command in *ret_words;
 * or CLI_USAGE, said.
 */
int cli_parse(int argc, char **argv, struct cli_options *ret_options,
	      const struct cli_command **ret_command, int *ret_words);

/* The command called @word, by an alias too. Returns CLI_DONE, or CLI_USAGE, said, with the name
 * that was probably meant. */
int cli_command_find(const char *word, const struct cli_command **ret_command);

/* Help on the program, or on @command, to stdout. */
void cli_print_help(const struct cli_command *command);

/* Whether errors are printed as {"error": "SENTENCE"}, as --json has it. Notes stay text. */
void cli_errors_as_json(bool json);

/* "xdp-l2resp: SENTENCE" on stderr; returns CLI_FAILED. */
int cli_fail(const struct err *err);

/* The same of a file: @lines, an array, is part of the JSON object where there is one. */
int cli_fail_lines(const struct err *err, json_t *lines);

/* The same for words that make no sense, and where to read what would; returns CLI_USAGE. */
int cli_usage(const struct cli_command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A remark on stderr that changes no exit status. */
void cli_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * pins_open_locked(), or pins_open_locked_existing() without @create. Finishes a growth that was
 * killed, and follows VLAN devices. With @create, takes over the pins of a network namespace in
 * which nothing is attached, said in a note; without, refuses them.
 */
int cli_open_locked(const struct cli_options *options, bool create, struct pins *ret_pins,
		    struct err *err);

/* Addresses answer only where the program runs: says so where it doesn't. */
void cli_note_unless_attached(const struct pins *pins, const struct link *link);

/* Pins for commands that do without too: @pins, or NULL in *ret_pins where nothing is pinned. @r,
 * @err: what opening them returned. Returns another failure than that. */
int cli_pins_if_any(int r, struct pins *pins, const struct pins **ret_pins, const struct err *err);

/* "[dev] IFACE" out of @words, which must be no more: CLI_DONE and the name, or CLI_USAGE, said. */
int cli_take_dev(const struct cli_command *command, int count, char **words, const char **ret_name);

/* "ADDR dev IFACE", how many words may follow is the caller's: CLI_DONE, or CLI_USAGE, said. */
int cli_check_address_dev(const struct cli_command *command, int count, char **words);

/* A JSON array on stdout, a row at a time: a million rows need no tree. */
struct cli_array {
	size_t rows;
};

void cli_array_begin(struct cli_array *array);
/* Prints @row, which it takes over. */
void cli_array_row(struct cli_array *array, json_t *row);
void cli_array_end(struct cli_array *array);

/* Prints @object, which it takes over, on a line of its own. */
void cli_print_json(json_t *object);

/* What stdout still holds is written. Returns CLI_FAILED, said, where a write failed (a closed
 * pipe, a full disk). */
int cli_finish_output(void);

#endif
