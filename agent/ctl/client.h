/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands to the agent that runs in this network namespace. */
#ifndef XDP_L2RESPD_CLIENT_H
#define XDP_L2RESPD_CLIENT_H

#include <stdbool.h>

/* Runs "WORD ...", of @count words. Returns an exit status: 0 done, 1 failed, 2 for words that make
 * no sense; said on stderr. */
int client_run(int count, char **words, bool json, bool stay);

/* The commands for the help, a line each. */
void client_print_commands(void);

#endif
