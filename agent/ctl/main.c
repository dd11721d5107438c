// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include <linux/capability.h>
#include <systemd/sd-event.h>

#include "agent.h"
#include "alloc.h"
#include "attach.h"
#include "cleanup.h"
#include "client.h"
#include "complete.h"
#include "config.h"
#include "denied.h"
#include "helper.h"
#include "loop.h"
#include "local_socket.h"
#include "server.h"
#include "log.h"
#include "systemd.h"
#include "text.h"
#include "options.h"
#include "privilege.h"
#include "process.h"
#include "program.h"
#include "rehearse.h"
#include "version.h"

/* Time limit for the last lines of the log to be written. */
#define FLUSH_USEC 500000

enum mode {
	MODE_RUN,
	MODE_CHECK,
	MODE_DRY_RUN,
};

struct options {
	const char *config;
	enum mode mode;
	bool json;
	bool verbose;
	bool help;
	bool version;
	bool stay;
};

#define LETTERS ":c:jvhV"
/* Added to the letters of options that have only a long name. */
#define UNTYPED 256

static const struct option longs[] = {
#define OPTION_LONG(letter, typed, name, argument, help)            \
	{ name, (argument) ? required_argument : no_argument, NULL, \
	  (typed) ? (letter) : UNTYPED + (letter) },
	AGENT_OPTIONS(OPTION_LONG){ 0 },
};

static void print_option(char letter, const char *name, const char *argument, const char *help)
{
	char left[32];

	snprintf(left, sizeof(left), "--%s %s", name, argument ?: "");
	printf(letter ? "  -%c, " : "      ", letter);
	printf("%-15s %s\n", left, help);
}

static void print_help(void)
{
	printf("Usage: xdp-l2respd [OPTIONS] [COMMAND [...]]\n\n"
	       "Announces the service addresses that policies give to this node.\n\n"
	       "Without a command it runs in the foreground, as a service. Commands ask the agent\n"
	       "that runs in this network namespace:\n");
	client_print_commands();
	puts("  help                What this prints\n\nOptions:");
#define OPTION_HELP(letter, typed, name, argument, help) \
	print_option((typed) ? (letter) : '\0', name, argument, help);
	AGENT_OPTIONS(OPTION_HELP)
}

static bool errors_as_json;

static int usage(const char *text, const char *word)
{
	struct err err;

	err_write(&err, "%s%s%s%s; see 'xdp-l2respd --help'", text, word ? " '" : "", word ?: "",
		  word ? "'" : "");
	text_print_error("xdp-l2respd", err.text, errors_as_json, NULL);
	return 2;
}

static int no_option(const char *word)
{
	char letter[] = { '-', optopt, '\0' };

	/* within a group of letters optind hasn't moved yet */
	if (optopt && optopt < UNTYPED && !strchr(LETTERS, optopt))
		return usage("no option", letter);
	return usage(optopt ? "no argument is taken by" : "no option", word);
}

/* 0, or an exit status, said. *ret_words: index of the first word. */
static int parse(int argc, char **argv, struct options *ret_options, int *ret_words)
{
	struct options options = { .config = CONFIG_DEFAULT_PATH };
	int value;

	opterr = 0;
	while ((value = getopt_long(argc, argv, LETTERS, longs, NULL)) != -1) {
		switch (value) {
		case 'c':
			options.config = optarg;
			break;
		case UNTYPED + 'C':
		case UNTYPED + 'n':
			if (options.mode != MODE_RUN)
				return usage("--check or --dry-run, and once", NULL);
			options.mode = value == UNTYPED + 'C' ? MODE_CHECK : MODE_DRY_RUN;
			break;
		case 'j':
			options.json = true;
			break;
		case 'v':
			options.verbose = true;
			break;
		case 'h':
			options.help = true;
			break;
		case 'V':
			options.version = true;
			break;
		case ':':
			return usage("an argument is missing after", argv[optind - 1]);
		case UNTYPED + 's':
			options.stay = true;
			break;
		default:
			return no_option(argv[optind - 1]);
		}
	}
	*ret_options = options;
	*ret_words = optind;
	return 0;
}

static int fail(const struct err *err)
{
	log_say(LOG_ERR, "%s", err->text);
	return 1;
}

struct running {
	struct agent *agent;
	struct systemd *systemd;
};

/* SIGTERM, SIGINT: release all addresses, then exit. */
static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct running *running = userdata;

	log_say(LOG_NOTICE, "stopping: giving up all addresses");
	agent_stop(running->agent);
	return 0;
}

/* SIGUSR1: exit, and leave entries and stamps for the next start. */
static int on_leave(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	log_say(LOG_NOTICE, "leaving entries and stamps to the next start");
	return sd_event_exit(sd_event_source_get_event(source), 0);
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct running *running = userdata;
	struct err err;

	systemd_send(running->systemd, "RELOADING=1");
	if (agent_reload(running->agent, &err) < 0)
		log_say(LOG_ERR, "%s; what was in force stays", err.text);
	else
		log_say(LOG_NOTICE, "configuration read again");
	/* before the agent has said so itself, READY=1 would end the start */
	if (systemd_is_ready(running->systemd))
		systemd_ready(running->systemd);
	return 0;
}

static const struct {
	int number;
	sd_event_signal_handler_t handler;
} signals[] = {
	{ SIGTERM, on_stop },
	{ SIGINT, on_stop },
	{ SIGUSR1, on_leave },
	{ SIGHUP, on_reload },
};

static int serve(const struct agent_parts *parts, struct config *config, struct loop_times *times,
		 int *local_fd)
{
	struct running running = { .systemd = parts->systemd };
	struct server *server = NULL;
	struct err err;
	int r = agent_new(parts, config, &running.agent, &err);

	if (!r)
		r = server_new(parts->event, running.agent, local_fd, &server, &err);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]) && r >= 0; i++) {
		r = sd_event_add_signal(parts->event, NULL, signals[i].number, signals[i].handler,
					&running);
		if (r < 0)
			err_write(&err, "handling signals: %s", strerror(-r));
	}
	if (r >= 0) {
		log_say(LOG_INFO, "version %s started", version_text);
		r = loop_run(parts->event, times);
		if (r < 0)
			err_write(&err, "the event loop: %s", strerror(-r));
	}
	local_socket_remove();
	server_free(server);
	agent_free(running.agent);
	return r < 0 ? fail(&err) : r;
}

/* Does all that needs CAP_SYS_ADMIN: starts the helper, which keeps it, and opens the pins. Fails
 * if the pins serve another network namespace. */
static int take_privileged(struct agent_parts *parts, const char *bpffs, struct err *err)
{
	int r = helper_start(bpffs, &parts->helper, err);

	if (!r)
		r = program_new(bpffs, parts->helper, &parts->program, err);
	return r < 0 ? r
		     : privilege_limit(PRIVILEGE(CAP_BPF) | PRIVILEGE(CAP_NET_ADMIN) |
					       PRIVILEGE(CAP_NET_RAW) | PRIVILEGE(CAP_PERFMON),
				       err);
}

/* Adds to @err, of the error @r, what to do about it. */
static const struct err *as_root(int r, struct err *err)
{
	if ((r == -EACCES || r == -EPERM) && geteuid() && !strstr(err->text, "run it as root"))
		denied_add(err, r);
	return err;
}

static int start(struct agent_parts *parts, struct loop_times *times)
{
	_cleanup_close_ int local_fd = -1;
	struct config config;
	struct err err;
	int r;

	/* first: if another agent runs, nothing may be changed */
	r = local_socket_claim(&local_fd, &err);
	if (r < 0)
		return fail(as_root(r, &err));
	r = config_read(parts->path, &config, &err);
	if (r < 0) {
		local_socket_remove();
		fail(&err);
		/* the unit doesn't restart the agent after this status: that wouldn't help */
		return EX_CONFIG;
	}
	r = take_privileged(parts, config.bpffs, &err);
	if (r < 0) {
		local_socket_remove();
		config_free(&config);
		return fail(as_root(r, &err));
	}
	/* the helper has been forked: threads may start now */
	r = log_start();
	if (r < 0)
		log_say(LOG_WARNING, "lines of the log that nobody reads are lost: %s",
			strerror(-r));
	return serve(parts, &config, times, &local_fd);
}

static int run(const char *path)
{
	static struct loop_times times;
	struct agent_parts parts = { .path = path, .times = &times };
	sigset_t mask;
	int r, status;

	sigemptyset(&mask);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(&mask, signals[i].number);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	r = sd_event_default(&parts.event);
	if (r >= 0)
		r = systemd_new(parts.event, &parts.systemd);
	if (r < 0) {
		log_say(LOG_ERR, "starting the event loop: %s", strerror(-r));
		return 1;
	}
	status = start(&parts, &times);
	program_free(parts.program);
	helper_free(parts.helper);
	systemd_free(parts.systemd);
	sd_event_unref(parts.event);
	log_flush(FLUSH_USEC);
	return status;
}

static int dispatch(const struct options *options, int count, char **words)
{
	if (options->version) {
		printf("xdp-l2respd %s\n", version_text);
		return 0;
	}
	if (options->help || (count == 1 && !strcmp(words[0], "help"))) {
		print_help();
		return 0;
	}
	if (count && options->mode != MODE_RUN)
		return usage("--check and --dry-run go without a command", NULL);
	if (count)
		return client_run(count, words, options->json, options->stay);
	if (options->stay)
		return usage("--stay belongs to the command drain", NULL);
	if (options->mode == MODE_RUN)
		return run(options->config);
	return rehearse(options->config, options->mode == MODE_DRY_RUN, options->json);
}

int main(int argc, char **argv)
{
	struct options options = {};
	int words = argc, status, r;
	struct err err;

	process_begin();
	alloc_json();
	if (argc > 1 && !strcmp(argv[1], COMPLETE_WORD)) {
		complete(argc - 2, argv + 2);
		return 0;
	}
	errors_as_json = text_json_asked(argc, argv);
	status = parse(argc, argv, &options, &words);
	if (status)
		return status;
	/* resolv.conf(5): a look-up outlives its call (agent/kube/http.c), in a thread with sockets
	 * of its own; with the default of 5 s they would pile up while no name server answers */
	setenv("RES_OPTIONS", "timeout:1 attempts:2", false);
	attach_log_setup(options.verbose);
	json_set_alloc_funcs(xmalloc, free);
	status = dispatch(&options, argc - words, argv + words);
	r = err_stdout(&err);
	/* who closed the pipe knows */
	if (r < 0 && r != -EPIPE)
		text_print_error("xdp-l2respd", err.text, errors_as_json, NULL);
	return status ?: r < 0;
}
