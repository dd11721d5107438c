/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options' tables, for parsing, help and completion. */
#ifndef XDP_L2RESP_OPTIONS_H
#define XDP_L2RESP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

/* Parses @text into @field. Returns false if it is invalid. */
typedef bool cli_take_fn(const char *text, void *field);

struct cli_option {
	const char *name;
	char letter;	      /* 0: none */
	const char *argument; /* NULL: a flag */
	const char *help;
	const char *takes; /* the valid values, for errors; NULL: the argument's name */
	size_t field;	   /* offset in struct cli_options */
	cli_take_fn *take;
};

/* The options of every command, NULL-terminated. */
extern const struct cli_option *const cli_global_options[];

#endif
