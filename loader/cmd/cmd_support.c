// SPDX-License-Identifier: GPL-2.0-or-later
/* support: writes the data for a bug report into one file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <bpf/bpf.h>

#include "agent_socket.h"
#include "alloc.h"
#include "bundle.h"
#include "cleanup.h"
#include "cli.h"
#include "text.h"
#include "version.h"

#define MAX_SERVICES 200

/* The commands that are run: this program's, with --json, and others, which may not be installed.
 */
static const struct part {
	const char *name;
	const struct cli_command *command; /* NULL: argv */
	const char *argv[6];
} parts[] = {
	{ .name = "status.json", .command = &cmd_status },
	{ .name = "list.json", .command = &cmd_list },
	{ .name = "stats.json", .command = &cmd_stats },
	{ .name = "doctor.json", .command = &cmd_doctor },
	{ .name = "links.txt", .argv = { "ip", "-details", "-statistics", "link" } },
	{ .name = "addresses.txt", .argv = { "ip", "address" } },
	{ .name = "programs.txt", .argv = { "bpftool", "net" } },
};

/* Reads the agent's state and its report on every Service. */
static const struct {
	const char *name, *path;
} agent_parts[] = {
	{ "agent/readyz.txt", "/readyz" },
	{ "agent/status.json", "/status" },
	{ "agent/metrics.txt", "/metrics" },
	{ "agent/names.json", "/names" },
};

struct collection {
	struct bundle *bundle;
	const struct cli_options *options;
	FILE *errors; /* added to the archive as a file */
};

static void cleanup_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

static void add_file(struct collection *collection, const char *name, FILE *file)
{
	_cleanup_free_ char *content = NULL;
	ssize_t got;
	off_t size;

	fflush(file);
	size = lseek(fileno(file), 0, SEEK_END);
	content = xmalloc(size + 1);
	got = pread(fileno(file), content, size, 0);
	bundle_add(collection->bundle, name, content, got > 0 ? got : 0);
}

static int run_part(const struct part *part, const struct cli_options *given)
{
	struct cli_options options = *given;

	if (part->command) {
		options.json = true;
		return part->command->run(&options, 0, NULL);
	}
	execvp(part->argv[0], (char *const *)part->argv);
	fprintf(stderr, "%s: %s\n", part->argv[0], strerror(errno));
	return 127;
}

/* Runs the command in a child, whose output is redirected to the file. */
static void add_part(struct collection *collection, const struct part *part)
{
	_cleanup_(cleanup_file) FILE *out = tmpfile();
	int status = -1;
	pid_t pid;

	if (!out) {
		fprintf(collection->errors, "%s: %s\n", part->name, strerror(errno));
		return;
	}
	fflush(NULL);
	pid = fork();
	if (!pid) {
		dup2(fileno(out), STDOUT_FILENO);
		dup2(fileno(collection->errors), STDERR_FILENO);
		status = run_part(part, collection->options);
		fflush(NULL);
		_exit(status);
	}
	if (pid > 0)
		waitpid(pid, &status, 0);
	fseek(collection->errors, 0, SEEK_END);
	fprintf(collection->errors, "%s: exit status %d\n", part->name,
		WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	add_file(collection, part->name, out);
}

static void add_text(struct collection *collection, const char *name, const char *text)
{
	bundle_add(collection->bundle, name, text, strlen(text));
}

static void add_json(struct collection *collection, const char *name, json_t *json)
{
	_cleanup_free_ char *text = json_dumps(json, JSON_INDENT(2));

	add_text(collection, name, text ?: "");
	json_decref(json);
}

static void add_versions(struct collection *collection)
{
	struct utsname kernel;

	uname(&kernel);
	add_json(collection, "versions.json",
		 json_pack("{s:s, s:s, s:s, s:s, s:s}", "version", version_text, "libbpf",
			   libbpf_version_string(), "kernel", kernel.release, "build",
			   kernel.version, "machine", kernel.machine));
}

static void add_maps(struct collection *collection)
{
	_cleanup_(pins_close) struct pins pins = PINS_NONE;
	json_t *maps = json_array();
	struct err ignored;

	pins_open_some(collection->options->bpffs, &pins, &ignored);
	for (int i = 0; i < MAPS_COUNT; i++) {
		struct bpf_map_info info = {};
		uint32_t size = sizeof(info);

		if (pins.maps.fd[i] >= 0 && !bpf_obj_get_info_by_fd(pins.maps.fd[i], &info, &size))
			json_array_append_new(
				maps, json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:i}", "name",
						maps_name(i), "id", info.id, "type", info.type,
						"key_size", info.key_size, "value_size",
						info.value_size, "max_entries", info.max_entries,
						"flags", info.map_flags));
	}
	add_json(collection, "maps.json", maps);
}

/* Returns false if there is no answer. */
static bool add_agent_part(struct collection *collection, const char *name, const char *path)
{
	_cleanup_free_ char *body = NULL;
	unsigned int status;
	struct err err;

	if (agent_socket_get(path, &status, &body, &err) < 0)
		return false;
	add_text(collection, name, body);
	return true;
}

static void add_services(struct collection *collection)
{
	_cleanup_free_ char *body = NULL;
	unsigned int status;
	json_t *names, *name;
	struct err err;
	size_t i;

	if (agent_socket_get("/names", &status, &body, &err) < 0)
		return;
	names = json_loads(body, 0, NULL);
	json_array_foreach(json_object_get(names, "services"), i, name)
	{
		char path[600], file[64];

		if (i == MAX_SERVICES)
			break;
		snprintf(path, sizeof(path), "/show?service=%s", json_string_value(name));
		snprintf(file, sizeof(file), "agent/service-%zu.json", i);
		add_agent_part(collection, file, path);
	}
	json_decref(names);
}

static void collect(struct collection *collection)
{
	add_versions(collection);
	add_maps(collection);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		add_part(collection, &parts[i]);
	for (size_t i = 0; i < sizeof(agent_parts) / sizeof(agent_parts[0]); i++)
		if (!add_agent_part(collection, agent_parts[i].name, agent_parts[i].path)) {
			fputs("agent: none answers\n", collection->errors);
			break;
		}
	add_services(collection);
	add_file(collection, "errors.txt", collection->errors);
}

static int support_run(const struct cli_options *options, int count, char **words)
{
	_cleanup_(cleanup_file) FILE *errors = tmpfile();
	int error = negative_errno();
	struct collection collection = { .options = options, .errors = errors };
	time_t now = time(NULL);
	char directory[40], path[64];
	const char *to = path;
	struct err err;
	int fd, how, r;

	if (count > 1)
		return cli_usage(&cmd_support, "'%s' is one word too many", words[1]);
	if (count && !strcmp(words[0], "-") && isatty(STDOUT_FILENO))
		return cli_usage(&cmd_support,
				 "- writes a compressed file, which a terminal can't show; send it "
				 "through a pipe, or name a file");
	if (!errors) {
		err_set(&err, error, P_tmpdir ": %s", strerror(-error));
		return cli_fail(&err);
	}
	strftime(directory, sizeof(directory), CLI_NAME "-support-%Y%m%d-%H%M%S", localtime(&now));
	snprintf(path, sizeof(path), "%s.tar.gz", directory);
	if (count)
		to = words[0];
	/* others can guess the name in @path, and make it a link to a file of ours */
	how = O_WRONLY | O_CREAT | O_CLOEXEC | (to == path ? O_EXCL : O_TRUNC);
	fd = strcmp(to, "-") ? open(to, how, 0600) : dup(STDOUT_FILENO);
	if (fd < 0) {
		err_set(&err, negative_errno(), "%s: %s", to, strerror(errno));
		return cli_fail(&err);
	}
	collection.bundle = bundle_new(fd, directory, now);
	collect(&collection);
	r = bundle_finish(collection.bundle);
	if (r < 0) {
		err_set(&err, r, "writing %s: %s", strcmp(to, "-") ? to : "the output",
			strerror(-r));
		return cli_fail(&err);
	}
	if (!strcmp(to, "-"))
		return CLI_DONE;
	if (options->json)
		cli_print_json(json_pack("{s:o}", "file", text_json(to)));
	else
		printf("%s: look through it before you send it\n", to);
	return CLI_DONE;
}

const struct cli_command cmd_support = {
	.name = "support",
	.words = "[FILE|-]",
	.summary = "Collect what a bug report needs in a tar.gz file",
	.details =
		"The file has versions, the output of status, list, stats and doctor, the maps, interfaces and\n"
		"their programs, and of an agent that runs its readiness, metrics and Services. It contains\n"
		"addresses, MACs and names, but no configuration, manifests, logs or credentials. Changes\n"
		"nothing; doctor asks the LAN.\n\n"
		"Examples:\n"
		"  " CLI_NAME " support\n"
		"  " CLI_NAME " support - | tar -tz\n",
	.run = support_run,
};
