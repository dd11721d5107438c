/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Completion for shells. Their files are in this folder, and ask with the first word below. */
#ifndef XDP_L2RESP_COMPLETE_H
#define XDP_L2RESP_COMPLETE_H

#define COMPLETE_WORD "__complete"

/*
 * Prints what the last of @words may become, given the others: a line each, "WORD\tWHAT IT IS". A
 * line ":file" or ":dir" stands for names of files or directories, which shells know better. Words
 * come from the tables of the help, interfaces and addresses from the running state. Never fails:
 * where nothing is known nothing is printed.
 */
void complete(int count, char **words);

#endif
