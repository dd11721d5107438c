// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <curl/curl.h>
#include <jansson.h>

#include "agent_socket.h"
#include "alloc.h"
#include "cleanup.h"
#include "client.h"
#include "client_status.h"
#include "explain.h"
#include "json.h"
#include "spelling.h"
#include "text.h"

/* How long a request waits for the next byte of its answer. */
#define TIMEOUT_SECONDS 10L
/* How long, and how often, `move` looks whether it is done. */
#define MOVE_TRIES	100
#define MOVE_PAUSE_USEC 100000

struct command {
	const char *name;
	const char *words;
	const char *summary;
	int arguments;
	bool post;
	bool takes_stay;
	const char *path;
	const char *names[2]; /* parameter names of the arguments in the query */
	void (*print)(const json_t *answer);
	void (*add)(json_t *answer); /* adds what the agent can't know; NULL: nothing */
	/* until it is done, at the socket @path; -ETIMEDOUT with @err; NULL: it is done at once */
	int (*wait)(const char *path, const struct command *command, char **words, struct err *err);
};

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key)) ?: "";
}

/* "; not here: no_interface: ...": a holder elsewhere, whom nothing keeps from it, says enough. */
static void print_why(const json_t *answer)
{
	const char *reason = text_of(answer, "reason");

	if (*reason && strcmp(reason, "other_node") != 0)
		printf("; not here: %s: %s", reason, text_of(answer, "why"));
}

/* "node-1, this node, for another 900 ms" */
static void print_claim(const json_t *answer)
{
	const char *holder = text_of(answer, "holder"), *wish = text_of(answer, "wish");
	long long ms = json_integer_value(json_object_get(answer, "remaining_ms"));

	fputs(*holder ? holder : "nobody", stdout);
	if (json_is_true(json_object_get(answer, "held")))
		printf(", this node, for another %lld ms", ms);
	else if (*holder && !json_is_true(json_object_get(answer, "alive")))
		printf(", which isn't renewing");
	if (*wish)
		printf(", to go to %s", wish);
}

static void print_holder(const json_t *answer)
{
	printf("%s: ", text_of(answer, "ip"));
	print_claim(answer);
	print_why(answer);
	putchar('\n');
}

static void print_names(const char *what, const json_t *names)
{
	const json_t *name;
	size_t i;

	fputs(what, stdout);
	json_array_foreach(names, i, name) printf("%s%s", i ? ", " : " ", json_string_value(name));
	puts(json_array_size(names) ? "" : " none");
}

static json_t *explain_on(const char *bpffs, const char *ip, const char *dev,
			  struct explain_program **program)
{
	struct explain_question question = {};
	struct explanation explanation = {};
	struct err err;
	int r = addr_parse(ip, &question.address, &err);

	if (!r)
		r = explain(bpffs, dev, &question, program, &explanation, &err);
	return r < 0 ? json_pack("{s:s, s:n, s:o}", "dev", dev, "verdict", "reason",
				 text_json(err.text))
		     : json_pack("{s:s, s:s, s:s}", "dev", dev, "verdict",
				 explain_verdict(&explanation), "reason", explanation.reason);
}

/* Adds `xdp-l2resp explain` of the addresses that this node holds. The agent can't do that: it has
 * dropped the capability to look up programs. */
static void add_explained(json_t *answer)
{
	_cleanup_(explain_program_free) struct explain_program *program = NULL;
	json_t *address, *explained;
	bool more = true;
	size_t i;

	json_array_foreach(json_object_get(answer, "addresses"), i, address)
		json_object_set_new(address, "explain", json_array());
	/* interface by interface, since each one needs the program loaded again */
	for (size_t on = 0; more; on++) {
		more = false;
		json_array_foreach(json_object_get(answer, "addresses"), i, address)
		{
			const json_t *claim = json_object_get(address, "claim");
			const json_t *dev =
				json_array_get(json_object_get(address, "interfaces"), on);

			if (!dev || !json_is_true(json_object_get(claim, "held")))
				continue;
			more = true;
			explained = explain_on(text_of(answer, "bpffs"), text_of(address, "ip"),
					       json_string_value(dev), &program);
			json_array_append_new(json_object_get(address, "explain"), explained);
		}
	}
}

/* "answer (arp_answered)", or why it can't be told */
static void print_explained(const json_t *address)
{
	const json_t *explained;
	size_t i;

	json_array_foreach(json_object_get(address, "explain"), i, explained)
	{
		const char *verdict = text_of(explained, "verdict");
		const char *reason = text_of(explained, "reason");

		printf("  xdp-l2resp explain %s dev %s: ", text_of(address, "ip"),
		       text_of(explained, "dev"));
		printf(*verdict ? "%s (%s)\n" : "%s%s\n", verdict, reason);
	}
}

static void print_service(const json_t *answer)
{
	const json_t *addresses = json_object_get(answer, "addresses"), *address;
	size_t i;

	printf("%s/%s\n", text_of(answer, "namespace"), text_of(answer, "service"));
	print_names("policies on this node:", json_object_get(answer, "policies"));
	if (*text_of(answer, "as_cluster"))
		printf("external traffic policy: Local, treated as Cluster: %s\n",
		       text_of(answer, "as_cluster"));
	else if (!strcmp(text_of(answer, "external_traffic_policy"), "Local"))
		puts("external traffic policy: Local");
	if (*text_of(answer, "reason"))
		printf("pools give it %s: %s: %s\n",
		       json_array_size(addresses) ? "no more" : "nothing",
		       text_of(answer, "reason"), text_of(answer, "why"));
	if (!json_array_size(addresses))
		puts("no address");
	json_array_foreach(addresses, i, address)
	{
		const char *ip = text_of(address, "ip");
		const json_t *claim = json_object_get(address, "claim");
		const char *holder = text_of(claim, "holder");

		printf("%s (%s)\n", ip, text_of(address, "field"));
		printf("  lease %s, holder: ", text_of(address, "lease"));
		if (json_is_object(claim))
			print_claim(claim);
		else
			fputs("not known here", stdout);
		putchar('\n');
		print_names("  interfaces:", json_object_get(address, "interfaces"));
		if (*text_of(address, "virtual_mac"))
			printf("  virtual MAC: %s\n", text_of(address, "virtual_mac"));
		if (json_is_boolean(json_object_get(address, "preferred")))
			printf("  preferred nodes: %s is%s one of them\n", text_of(answer, "node"),
			       json_is_true(json_object_get(address, "preferred")) ? "" : "n't");
		if (*text_of(address, "reason"))
			printf("  not announced by %s: %s: %s\n", text_of(answer, "node"),
			       text_of(address, "reason"), text_of(address, "why"));
		/* the listed interfaces are those of this node */
		if (json_is_true(json_object_get(claim, "held")))
			print_explained(address);
		else if (*holder)
			printf("  next, on %s: xdp-l2respd show %s/%s\n", holder,
			       text_of(answer, "namespace"), text_of(answer, "service"));
		else if (json_is_object(claim))
			puts("  no node announces it now");
	}
}

static void print_move(const json_t *answer)
{
	printf("%s is held by %s\n", text_of(answer, "ip"), text_of(answer, "node"));
}

static void print_drain(const json_t *answer)
{
	if (!json_is_true(json_object_get(answer, "draining")))
		puts("takes part again");
	else if (json_is_true(json_object_get(answer, "stay")))
		puts("giving up all addresses, until 'xdp-l2respd resume'");
	else
		puts("giving up all addresses, until 'xdp-l2respd resume' or a restart");
}

static void print_alive(const json_t *answer)
{
	puts(json_is_true(json_object_get(answer, "alive")) ? "alive" : "not alive");
}

static void print_ready(const json_t *answer)
{
	const char *why = text_of(answer, "why");

	printf("ready%s%s\n", *why ? "; " : "", why);
}

static void cleanup_curl(CURL **curl)
{
	curl_easy_cleanup(*curl);
}

/* http://localhost/PATH?name=word..., which the caller frees. */
static char *make_url(CURL *curl, const struct command *command, char **words, bool stay)
{
	char *url = NULL;
	size_t size;
	FILE *out = xopen_memstream(&url, &size);

	fprintf(out, "http://localhost%s?stay=%d", command->path, stay);
	for (int i = 0; i < command->arguments; i++) {
		char *escaped = curl_easy_escape(curl, words[i], 0) ?: (alloc_fail(), NULL);

		fprintf(out, "&%s=%s", command->names[i], escaped);
		curl_free(escaped);
	}
	xclose_memstream(out, &url);
	return url;
}

static size_t take(char *bytes, size_t size, size_t count, void *out)
{
	return fwrite(bytes, size, count, out);
}

/* Asks at @path; the answer's body in *ret_text, which the caller frees, its HTTP status in
 * *ret_status. */
static CURLcode ask(const char *path, const struct command *command, char **words, bool stay,
		    char **ret_text, long *ret_status)
{
	_cleanup_(cleanup_curl) CURL *curl = curl_easy_init() ?: (alloc_fail(), NULL);
	_cleanup_free_ char *url = make_url(curl, command, words, stay);
	size_t size;
	FILE *out = xopen_memstream(ret_text, &size);
	CURLcode code;

	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, path);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, TIMEOUT_SECONDS);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
	if (command->post)
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
	code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
	xclose_memstream(out, ret_text);
	return code;
}

/* Until the node has the address. While that node is busy another may take it: then it is asked for
 * again. */
static int wait_for_move(const char *path, const struct command *move, char **words,
			 struct err *err)
{
	static const struct command who_holds = { .path = "/who-holds",
						  .arguments = 1,
						  .names = { "ip" } };
	const char *ip = words[0], *node = words[1];

	err_write(err, "the agent doesn't answer");
	for (int tries = 0; tries < MOVE_TRIES; tries++) {
		_cleanup_json_ json_t *claim = NULL;
		_cleanup_free_ char *text = NULL, *ignored = NULL;
		const char *holder, *wish;
		long status = 0;

		if (ask(path, &who_holds, words, false, &text, &status) == CURLE_OK)
			claim = json_loads(text, 0, NULL);
		holder = text_of(claim, "holder");
		wish = text_of(claim, "wish");
		if (!strcmp(holder, node) && json_is_true(json_object_get(claim, "alive")))
			return 0;
		if (claim)
			err_write(err, "%s didn't go to %s within 10 s: %s holds it%s", ip, node,
				  *holder ? holder : "nobody",
				  strcmp(wish, node) != 0 ? "" : "; the request stands");
		if (claim && strcmp(wish, node) != 0)
			ask(path, move, words, false, &ignored, &status);
		usleep(MOVE_PAUSE_USEC);
	}
	return -ETIMEDOUT;
}

static const struct command commands[] = {
	{ "alive", "", "Whether the agent answers", .path = "/alive", .print = print_alive },
	{ "ready", "", "Whether the agent is ready", .path = "/ready", .print = print_ready },
	{ "who-holds", "ADDR", "Which node has the address", 1, .path = "/who-holds",
	  .names = { "ip" }, .print = print_holder },
	{ "status", "", "This node, and all Services with who has them", .path = "/status",
	  .print = client_print_status },
	{ "show", "[SERVICE]", "Who announces a Service, NAMESPACE/NAME, or all", 1,
	  .path = "/show", .names = { "service" }, .print = print_service, .add = add_explained },
	{ "move", "ADDR NODE", "Move the address to a node", 2, .post = true, .path = "/move",
	  .names = { "ip", "node" }, .print = print_move, .wait = wait_for_move },
	{ "drain", "[--stay]", "Release all addresses, but go on running", .post = true,
	  .takes_stay = true, .path = "/drain", .print = print_drain },
	{ "resume", "", "Take part again", .post = true, .path = "/resume", .print = print_drain },
};

bool client_command(size_t at, const char **ret_name, const char **ret_words,
		    const char **ret_summary)
{
	if (at >= sizeof(commands) / sizeof(commands[0]))
		return false;
	*ret_name = commands[at].name;
	*ret_words = commands[at].words;
	*ret_summary = commands[at].summary;
	return true;
}

void client_print_commands(void)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		printf("  %-9s %-9s %s\n", commands[i].name, commands[i].words,
		       commands[i].summary);
}

static int say(bool json, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Prints an error as `xdp-l2resp` does: a sentence, or a JSON object. */
static int say(bool json, int status, const char *format, ...)
{
	char text[sizeof(((struct err *)NULL)->text)];
	va_list args;

	va_start(args, format);
	text_vprintf(text, sizeof(text), format, args);
	va_end(args);
	text_print_error("xdp-l2respd", text, json, NULL);
	return status;
}

/* Escapes every string of @json for a terminal: nodes' names are from records that others write. */
static void make_plain(json_t *json)
{
	json_t *value;
	const char *key;
	size_t i;

	if (json_is_string(json)) {
		size_t size = TEXT_ESCAPED_SIZE(json_string_length(json));
		_cleanup_free_ char *plain = xmalloc(size);

		text_escape(plain, size, json_string_value(json));
		json_string_set(json, plain);
	}
	json_array_foreach(json, i, value) make_plain(value);
	json_object_foreach(json, key, value) make_plain(value);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static int no_command(bool json, const char *word)
{
	const char *near = NULL;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (spelling_similar(word, commands[i].name))
			near = commands[i].name;
	return say(json, 2, "no command '%s'%s%s%s; see 'xdp-l2respd --help'", word,
		   near ? " (did you mean '" : "", near ?: "", near ? "'?)" : "");
}

int client_run(int count, char **words, bool json, bool stay)
{
	_cleanup_json_ json_t *answer = NULL;
	_cleanup_free_ char *text = NULL;
	const struct command *command = NULL;
	_cleanup_close_ int probe = -1;
	struct sockaddr_un address;
	long status = 0;
	struct err err;
	CURLcode code;

	command = find_command(count == 1 && !strcmp(words[0], "show") ? "status" : words[0]);
	if (!command)
		return no_command(json, words[0]);
	if (count - 1 != command->arguments || (stay && !command->takes_stay))
		return say(json, 2, "'%s%s%s' is what it takes; see 'xdp-l2respd --help'",
			   command->name, *command->words ? " " : "", command->words);
	if (agent_socket_address(&address, &err) < 0)
		return say(json, 1, "%s", err.text);
	/* connect once without curl, which reports a full backlog as a refused connection and can't
	 * use an existing socket */
	probe = agent_socket_connect(&err);
	if (probe == -EACCES)
		return say(json, 1, "only root may ask");
	if (probe == -ENOENT)
		return say(json, 1, "no agent runs in this network namespace");
	if (probe < 0)
		return say(json, 1, "asking the agent: %s", err.text);
	code = ask(address.sun_path, command, words + 1, stay, &text, &status);
	if (code == CURLE_COULDNT_CONNECT)
		return say(json, 1, "asking the agent: it doesn't answer");
	if (code != CURLE_OK)
		return say(json, 1, "asking the agent: %s", curl_easy_strerror(code));
	/* something else is happening with the address just now */
	if (status != 200 && !(status == 503 && command->wait))
		return say(json, status == 400 ? 2 : 1, "%.*s", (int)strcspn(text ?: "", "\n"),
			   text ?: "");
	if (command->wait && command->wait(address.sun_path, command, words + 1, &err) < 0)
		return say(json, 1, "%s", err.text);
	answer = status == 503 ? json_pack("{s:s, s:s}", "ip", words[1], "node", words[2])
			       : json_loads(text, 0, NULL);
	if (!answer)
		return say(json, 1, "the agent's answer makes no sense; is it of another version?");
	if (command->add)
		command->add(answer);
	if (json) {
		json_dumpf(answer, stdout, 0);
		putchar('\n');
	} else {
		make_plain(answer);
		command->print(answer);
	}
	return 0;
}

json_t *client_names(void)
{
	static const struct command names = { .path = "/names" };
	_cleanup_free_ char *text = NULL;
	struct sockaddr_un address;
	long status = 0;
	struct err ignored;

	if (agent_socket_address(&address, &ignored) < 0 ||
	    ask(address.sun_path, &names, NULL, false, &text, &status) != CURLE_OK || status != 200)
		return NULL;
	return json_loads(text, 0, NULL);
}
