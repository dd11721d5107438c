/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an option is, for those who parse, explain and complete options. */
#ifndef XDP_L2RESP_OPTIONS_H
#define XDP_L2RESP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

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

/* The options of every command, NULL-terminated. */
extern const struct cli_option *const cli_global_options[];

#endif
