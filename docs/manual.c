// SPDX-License-Identifier: GPL-2.0-or-later
/* Copies a manual page's source from stdin to stdout; a line "@OUTCOMES@" becomes the list of
 * outcomes in scdoc, from the one place that has it. */
#include <stdio.h>
#include <string.h>

#include "outcomes.h"

static void print_outcomes(void)
{
#define OUTCOME_ROW(id, name, text) printf("*" #name "*\n\t" text "\n\n");
	OUTCOMES(OUTCOME_ROW)
}

int main(void)
{
	char line[1024];

	while (fgets(line, sizeof(line), stdin)) {
		if (strcmp(line, "@OUTCOMES@\n"))
			fputs(line, stdout);
		else
			print_outcomes();
	}
	return ferror(stdin) || fflush(stdout);
}
