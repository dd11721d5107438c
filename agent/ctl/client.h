/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands to the agent that runs in this network namespace. */
#ifndef XDP_L2RESPD_CLIENT_H
#define XDP_L2RESPD_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>

/* Runs a command line of @count words. Returns the exit status: 0 done, 1 failed, 2 usage error.
 * Errors are printed on stderr. */
int client_run(int count, char **words, bool json, bool stay);

/* The name, arguments and help of the command with index @at. False: there is no such command. */
bool client_command(size_t at, const char **ret_name, const char **ret_words,
		    const char **ret_summary);

/* The names of Services, addresses and nodes that the agent knows, a new reference; NULL: no agent
 * answers. */
json_t *client_names(void);

/* Prints the commands for the help, one per line. */
void client_print_commands(void);

#endif
