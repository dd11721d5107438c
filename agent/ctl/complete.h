/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Completion for shells, in the form of the CLI's (loader/cli/complete.h). */
#ifndef XDP_L2RESPD_COMPLETE_H
#define XDP_L2RESPD_COMPLETE_H

#define COMPLETE_WORD "__complete"

void complete(int count, char **words);

#endif
