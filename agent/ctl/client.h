/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands to the agent that runs in this network namespace. */
#ifndef XDP_L2RESPD_CLIENT_H
#define XDP_L2RESPD_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>

/* Runs "WORD ...", of @count words. Returns an exit status: 0 done, 1 failed, 2 for words that make
 * no sense; said on stderr. */
int client_run(int count, char **words, bool json, bool stay);

/* The command at place @at of the list: its name, what it takes, what it does. False behind the
 * last. */
bool client_command(size_t at, const char **ret_name, const char **ret_words,
		    const char **ret_summary);

/* The names of Services, addresses and nodes that the agent knows, a new reference; NULL where none
 * answers. */
json_t *client_names(void);

/* The commands for the help, a line each. */
void client_print_commands(void);

#endif
