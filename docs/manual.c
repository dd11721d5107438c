// SPDX-License-Identifier: GPL-2.0-or-later
/* Copies a manual page's source from stdin to stdout; a line "@OUTCOMES@", "@CHECKS@" or
 * "@REASONS@" is replaced by the list of outcomes, of doctor's checks or of the agent's reasons in
 * scdoc, from the header that defines it. */
#include <stdio.h>
#include <string.h>

#include "doctor_checks.h"
#include "outcomes.h"
#include "reason.h"

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

static void print_reasons(void)
{
#define LEVEL_NORMAL ""
#define LEVEL_NOTE   ", note"
#define LEVEL_FAULT  ", fault"
#define REASON_LINE(id, name, level, log, sentence) \
	fputs("*" #name "*" LEVEL_##level "\n\t" sentence "\n\n", stdout);
	REASONS(REASON_LINE)
}

int main(void)
{
	char line[1024];

	while (fgets(line, sizeof(line), stdin)) {
		if (!strcmp(line, "@OUTCOMES@\n"))
			print_outcomes();
		else if (!strcmp(line, "@CHECKS@\n"))
			print_checks();
		else if (!strcmp(line, "@REASONS@\n"))
			print_reasons();
		else
			fputs(line, stdout);
	}
	return ferror(stdin) || fflush(stdout);
}
