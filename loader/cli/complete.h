/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Completion for shells. The shells' scripts are in this folder, and run the command below. */
#ifndef XDP_L2RESP_COMPLETE_H
#define XDP_L2RESP_COMPLETE_H

#define COMPLETE_WORD "__complete"

/*
 * Prints completions of the last of @words, one per line, "WORD\tDESCRIPTION". A line ":file" or
 * ":dir" tells the shell to complete file or directory names. Words come from the help's tables,
 * interfaces and addresses from the running state. Never fails; prints nothing if it knows none.
 */
void complete(int count, char **words);

#endif
