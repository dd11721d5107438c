// SPDX-License-Identifier: GPL-2.0-or-later
/* Copies a manual page's source from stdin to stdout; a line "@OUTCOMES@" or "@CHECKS@" becomes
 * the list of outcomes or of doctor's checks in scdoc, from the one place that has it. */
#include <stdio.h>
#include <string.h>

#include "doctor_checks.h"
#include "outcomes.h"

static void print_outcomes(void)
{
#define OUTCOME_ROW(id, name, text) printf("*" #name "*\n\t" text "\n\n");
	OUTCOMES(OUTCOME_ROW)
}

static void print_checks(void)
{
#define ERROR	"error"
#define WARNING "warning"
#define NOTE	"note"
#define CHECK_ROW(name, scope, severity, text, remedy) \
	fputs("*" #name "*, " severity "\n\t" text "; " remedy "\n\n", stdout);
	DOCTOR_CHECKS(CHECK_ROW)
}

int main(void)
{
	char line[1024];

	while (fgets(line, sizeof(line), stdin)) {
		if (!strcmp(line, "@OUTCOMES@\n"))
			print_outcomes();
		else if (!strcmp(line, "@CHECKS@\n"))
			print_checks();
		else
			fputs(line, stdout);
	}
	return ferror(stdin) || fflush(stdout);
}
