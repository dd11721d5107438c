// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "attach.h"
#include "cli.h"
#include "complete.h"
#include "process.h"
#include "signals.h"
#include "version.h"

const struct cli_command *const cli_commands[] = {
	&cmd_attach,  &cmd_detach, &cmd_status,	 &cmd_add,   &cmd_del,	    &cmd_list,
	&cmd_flush,   &cmd_import, &cmd_save,	 &cmd_stats, &cmd_announce, &cmd_explain,
	&cmd_monitor, &cmd_doctor, &cmd_support, &cmd_help,  NULL,
};

static int help_run(const struct cli_options *options, int count, char **words)
{
	const struct cli_command *command;
	int r;

	if (!count) {
		cli_print_help(NULL);
		return CLI_DONE;
	}
	if (count > 1)
		return cli_usage(&cmd_help, "'%s' is one word too many", words[1]);
	r = cli_command_find(words[0], &command);
	if (!r)
		cli_print_help(command);
	return r;
}

const struct cli_command cmd_help = {
	.name = "help",
	.words = "[COMMAND]",
	.summary = "Explain the program, or a command",
	.run = help_run,
};

int main(int argc, char **argv)
{
	const struct cli_command *command;
	struct cli_options options;
	int words, status, output;

	process_begin();
	alloc_json();
	if (argc > 1 && !strcmp(argv[1], COMPLETE_WORD)) {
		complete(argc - 2, argv + 2);
		return CLI_DONE;
	}
	status = cli_parse(argc, argv, &options, &command, &words);
	if (status)
		return status;
	attach_log_setup(options.verbose);
	if (options.version)
		printf(CLI_NAME " %s\n", version_text);
	else if (options.help || !command)
		cli_print_help(command);
	else
		status = command->run(&options, argc - words, argv + words);
	output = cli_finish_output();
	/* deliver a signal that came during the change, which is complete and reported now */
	signals_release();
	return status ?: output;
}
