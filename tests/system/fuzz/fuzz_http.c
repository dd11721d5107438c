// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What comes in on the agent's HTTP port, or after an r on its Unix socket for root: what is
 * sent is HTTP, and no command is done for who may not ask for it, or by a GET.
 */
#include "server.c" /* NOLINT(bugprone-suspicious-include) */

#include <sys/un.h>

#include "fail.h"

/* Of the event loop, more than it takes. */
#define TURNS 100

/* ---- the agent ---- */

static bool is_root; /* on the Unix socket */
static char request_method[8];

static void root_only(const char *method)
{
	if (!is_root)
		fail("for everybody", "what is root's alone");
	if (strcmp(request_method, method) != 0)
		fail("a command by", request_method);
}

const struct listen_options *agent_listen(const struct agent *agent)
{
	fail("a second port", "is asked for");
	return NULL;
}

bool agent_ready(struct agent *agent, struct err *ret_why)
{
	err_write(ret_why, "%s", is_root ? "" : "an address isn't announced");
	return is_root;
}

json_t *agent_who_holds(struct agent *agent, const struct address *address, struct err *err)
{
	char ip[INET6_ADDRSTRLEN];

	root_only("GET");
	return json_pack("{s:s}", "ip", address_format(address, ip));
}

struct agent_show *agent_show_new(struct agent *agent, const char *name, struct err *err)
{
	root_only("GET");
	err_write(err, "there is no Service %s", name);
	return NULL;
}

bool agent_show_next(void *show, FILE *out)
{
	fail("a Service", "is shown");
}

void agent_show_free(void *show)
{
	free(show);
}

json_t *agent_names(struct agent *agent)
{
	root_only("GET");
	return json_array();
}

struct agent_status *agent_status_new(struct agent *agent)
{
	root_only("GET");
	return xcalloc(1, sizeof(char));
}

bool agent_status_next(void *status, FILE *out)
{
	char *begun = status;

	fputs(*begun ? "]" : "[", out);
	return !(*begun)++;
}

void agent_status_free(void *status)
{
	free(status);
}

struct agent_page *agent_page_new(struct agent *agent)
{
	return xcalloc(1, sizeof(char));
}

bool agent_page_next(void *page, FILE *out)
{
	return agent_status_next(page, out);
}

void agent_page_free(void *page)
{
	free(page);
}

int agent_move(struct agent *agent, const struct address *address, const char *node,
	       struct err *err)
{
	root_only("POST");
	if (!*node || strlen(node) > RECORD_NODE_MAX)
		fail("no node", node);
	return *node == 'x' ? err_set(err, -EHOSTDOWN, "%s isn't alive", node) : 0;
}

int agent_drain(struct agent *agent, bool drain, bool stay, struct err *err)
{
	root_only("POST");
	return 0;
}

struct metrics *metrics_new(struct agent *agent)
{
	return xcalloc(1, sizeof(char));
}

bool metrics_next(void *metrics, FILE *out)
{
	return agent_status_next(metrics, out);
}

void metrics_free(void *metrics)
{
	free(metrics);
}

/* ---- the other end ---- */

static void on_request(const struct request *request, struct answer *ret_answer, void *userdata)
{
	static struct server server;

	snprintf(request_method, sizeof(request_method), "%s", request->method);
	(is_root ? answer_local : answer_tcp)(request, ret_answer, &server);
	if ((!ret_answer->text && !ret_answer->next) || !ret_answer->status)
		fail("no answer", request->path);
}

static void turn(sd_event *event)
{
	for (int i = 0; i < TURNS && sd_event_run(event, 0) > 0; i++)
		;
}

/* What comes on @fd without a wait is HTTP. Half a request is waited for, for its 5 s: not here. */
static void read_answer(sd_event *event, int fd)
{
	static const char wanted[] = "HTTP/1.";
	char text[65536];
	ssize_t got;

	turn(event);
	got = recv(fd, text, sizeof(text), MSG_DONTWAIT);
	if (got > 0 && (got < (ssize_t)strlen(wanted) || memcmp(text, wanted, strlen(wanted)) != 0))
		fail("no HTTP", "is sent");
}

static struct sockaddr_un address = { .sun_family = AF_UNIX };

static struct listener *listen_anywhere(sd_event *event)
{
	static const struct tls_files no_tls;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct listener *listener;
	struct err err = {};

	snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "xdp-l2resp-fuzz-%d",
		 getpid());
	if (listen_on(fd, (struct sockaddr *)&address, sizeof(address), "a socket", &err) < 0 ||
	    listener_new(event, &fd, &no_tls, on_request, NULL, &listener, &err) < 0)
		fail("no listener", err.text);
	return listener;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static sd_event *event;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (!event) {
		if (sd_event_new(&event) < 0)
			fail("no", "event loop");
		listen_anywhere(event);
	}
	is_root = size && data[0] == 'r';
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail("connecting", strerror(errno));
	if (send(fd, data + is_root, size - is_root, MSG_NOSIGNAL) < 0)
		fail("sending", strerror(errno));
	shutdown(fd, SHUT_WR);
	read_answer(event, fd);
	close(fd);
	turn(event);
	return 0;
}
