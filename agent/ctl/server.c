// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <jansson.h>
#include <microhttpd.h>

#include "cleanup.h"
#include "log.h"
#include "server.h"
#include "metrics.h"

#define MAX_CONNECTIONS 32
/* Anybody may connect to the port, so nobody may stay for long. */
#define IDLE_SECONDS 2
#define BACKLOG	     16
/* Somebody else has the port. */
#define RETRY_USEC 5000000

/* One of the two sockets. */
struct listener {
	struct MHD_Daemon *daemon;
	sd_event_source *io, *timer;
	struct server *server;
	bool trusted; /* Unix: root is at the other end */
};

struct server {
	struct agent *agent;
	struct listener tcp, local;
	sd_event *event;
	sd_event_source *retry; /* until there is a TCP listener */
	bool told;		/* that there is none */
};

/* What a request is answered with. */
struct answer {
	unsigned int status;
	const char *type;
	char *text; /* freed by the library */
	size_t size;
};

#define TYPE_TEXT "text/plain; charset=utf-8"
#define TYPE_JSON "application/json"

static void answer_text(struct answer *answer, unsigned int status, const char *text)
{
	answer->status = status;
	answer->type = TYPE_TEXT;
	if (asprintf(&answer->text, "%s\n", text) < 0)
		answer->text = NULL;
	answer->size = answer->text ? strlen(answer->text) : 0;
}

/* A refused command: 404 for what isn't known, 409 for what can't be now. */
static void answer_err(struct answer *answer, int error, const struct err *err)
{
	answer_text(answer,
		    error == -EINVAL || error == -EADDRNOTAVAIL ? MHD_HTTP_BAD_REQUEST
		    : error == -ENOENT				? MHD_HTTP_NOT_FOUND
								: MHD_HTTP_CONFLICT,
		    err->text);
}

static void answer_json(struct answer *answer, json_t *object)
{
	answer->status = MHD_HTTP_OK;
	answer->type = TYPE_JSON;
	answer->text = json_dumps(object, 0);
	answer->size = answer->text ? strlen(answer->text) : 0;
	json_decref(object);
}

static const char *query(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, name) ?: "";
}

static void get_metrics(struct agent *agent, struct MHD_Connection *connection,
			struct answer *answer)
{
	(void)connection;
	answer->status = MHD_HTTP_OK;
	answer->type = METRICS_CONTENT_TYPE;
	answer->text = metrics_text(agent, &answer->size);
}

/* The event loop turns: that is all that is asked. */
static void get_healthz(struct agent *agent, struct MHD_Connection *connection,
			struct answer *answer)
{
	(void)agent;
	(void)connection;
	answer_text(answer, MHD_HTTP_OK, "ok");
}

static void get_alive(struct agent *agent, struct MHD_Connection *connection, struct answer *answer)
{
	(void)agent;
	(void)connection;
	answer_json(answer, json_pack("{s:b}", "alive", true));
}

static void get_readyz(struct agent *agent, struct MHD_Connection *connection,
		       struct answer *answer)
{
	struct err why;

	(void)connection;
	if (agent_ready(agent, &why))
		answer_text(answer, MHD_HTTP_OK, *why.text ? why.text : "ok");
	else
		answer_text(answer, MHD_HTTP_SERVICE_UNAVAILABLE, why.text);
}

static void get_who_holds(struct agent *agent, struct MHD_Connection *connection,
			  struct answer *answer)
{
	struct address address;
	struct err err;
	int r = addr_parse(query(connection, "ip"), &address, &err);
	json_t *object = r < 0 ? NULL : agent_who_holds(agent, &address, &err);

	if (object)
		answer_json(answer, object);
	else
		answer_err(answer, r < 0 ? r : -ENOENT, &err);
}

static void get_show(struct agent *agent, struct MHD_Connection *connection, struct answer *answer)
{
	struct err err;
	json_t *object = agent_show(agent, query(connection, "service"), &err);

	if (object)
		answer_json(answer, object);
	else
		answer_err(answer, -ENOENT, &err);
}

static void post_move(struct agent *agent, struct MHD_Connection *connection, struct answer *answer)
{
	const char *node = query(connection, "node");
	struct address address;
	struct err err;
	int r = addr_parse(query(connection, "ip"), &address, &err);

	if (!r && (!*node || strlen(node) > LEASE_NODE_MAX))
		r = err_set(&err, -EINVAL, "'%.64s' is no node's name", node);
	if (!r)
		r = agent_move(agent, &address, node, &err);
	if (r < 0)
		answer_err(answer, r, &err);
	else
		answer_json(answer,
			    json_pack("{s:s, s:s}", "ip", query(connection, "ip"), "node", node));
}

static void drain(struct agent *agent, bool begin, bool stay, struct answer *answer)
{
	struct err err;
	int r = agent_drain(agent, begin, stay, &err);

	if (r < 0)
		answer_err(answer, r, &err);
	else
		answer_json(answer, json_pack("{s:b, s:b}", "draining", begin, "stay", stay));
}

static void post_drain(struct agent *agent, struct MHD_Connection *connection,
		       struct answer *answer)
{
	drain(agent, true, !strcmp(query(connection, "stay"), "1"), answer);
}

static void post_resume(struct agent *agent, struct MHD_Connection *connection,
			struct answer *answer)
{
	(void)connection;
	drain(agent, false, false, answer);
}

static const struct {
	const char *method;
	const char *path;
	bool trusted; /* on the Unix socket only */
	void (*answer)(struct agent *agent, struct MHD_Connection *connection,
		       struct answer *answer);
} routes[] = {
	{ MHD_HTTP_METHOD_GET, "/metrics", false, get_metrics },
	{ MHD_HTTP_METHOD_GET, "/healthz", false, get_healthz },
	{ MHD_HTTP_METHOD_GET, "/readyz", false, get_readyz },
	{ MHD_HTTP_METHOD_GET, "/alive", true, get_alive },
	{ MHD_HTTP_METHOD_GET, "/who-holds", true, get_who_holds },
	{ MHD_HTTP_METHOD_GET, "/show", true, get_show },
	{ MHD_HTTP_METHOD_POST, "/move", true, post_move },
	{ MHD_HTTP_METHOD_POST, "/drain", true, post_drain },
	{ MHD_HTTP_METHOD_POST, "/resume", true, post_resume },
};

/* Is it root, or whoever this agent runs as, at the other end? */
static bool peer_trusted(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return info && !getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) &&
	       (!peer.uid || peer.uid == geteuid());
}

static void route(struct listener *listener, struct MHD_Connection *connection, const char *path,
		  const char *method, struct answer *answer)
{
	bool found = false;

	if (listener->trusted && !peer_trusted(connection)) {
		answer_text(answer, MHD_HTTP_FORBIDDEN, "only root may ask");
		return;
	}
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (strcmp(routes[i].path, path) != 0 || (routes[i].trusted && !listener->trusted))
			continue;
		found = true;
		if (strcmp(routes[i].method, method) != 0)
			continue;
		routes[i].answer(listener->server->agent, connection, answer);
		return;
	}
	answer_text(answer, found ? MHD_HTTP_METHOD_NOT_ALLOWED : MHD_HTTP_NOT_FOUND,
		    found ? "not with this method" : "nothing here");
}

static enum MHD_Result handle(void *data, struct MHD_Connection *connection, const char *path,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_size, void **state)
{
	struct answer answer = {};
	struct MHD_Response *response;
	enum MHD_Result result;

	(void)version;
	(void)upload;
	/* first with the headers, then with the body, which nobody needs */
	if (!*state) {
		*state = data;
		return MHD_YES;
	}
	if (*upload_size) {
		*upload_size = 0;
		return MHD_YES;
	}
	route(data, connection, path, method, &answer);
	if (!answer.text)
		return MHD_NO;
	response = MHD_create_response_from_buffer(answer.size, answer.text, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(answer.text);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer.type);
	result = MHD_queue_response(connection, answer.status, response);
	MHD_destroy_response(response);
	return result;
}

/* Lets the library work, and asks when it must again if nothing comes in. */
static int listener_turn(struct listener *listener)
{
	MHD_UNSIGNED_LONG_LONG timeout_ms;

	MHD_run(listener->daemon);
	if (MHD_get_timeout(listener->daemon, &timeout_ms) != MHD_YES)
		return sd_event_source_set_enabled(listener->timer, SD_EVENT_OFF);
	sd_event_source_set_time_relative(listener->timer, timeout_ms * 1000);
	return sd_event_source_set_enabled(listener->timer, SD_EVENT_ONESHOT);
}

static int listener_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	(void)source;
	(void)fd;
	(void)revents;
	return listener_turn(userdata);
}

static int listener_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	return listener_turn(userdata);
}

static void quiet(void *data, const char *format, va_list args)
{
	(void)data;
	(void)format;
	(void)args;
}

static void listener_stop(struct listener *listener)
{
	listener->io = sd_event_source_disable_unref(listener->io);
	listener->timer = sd_event_source_disable_unref(listener->timer);
	if (listener->daemon)
		MHD_stop_daemon(listener->daemon);
	listener->daemon = NULL;
}

/* Serves the listening socket *@fd, which is -1 as soon as the library has it. */
static int listener_start(struct listener *listener, sd_event *event, int *fd, struct err *err)
{
	const union MHD_DaemonInfo *info;
	int r;

	listener->daemon =
		MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, handle, listener,
				 MHD_OPTION_EXTERNAL_LOGGER, quiet, NULL, MHD_OPTION_LISTEN_SOCKET,
				 *fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned int)MAX_CONNECTIONS,
				 MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)IDLE_SECONDS,
				 MHD_OPTION_END);
	if (!listener->daemon)
		return err_set(err, -EIO, "starting the HTTP server");
	*fd = -1;
	info = MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	r = sd_event_add_io(event, &listener->io, info->epoll_fd, EPOLLIN, listener_io, listener);
	if (r >= 0)
		r = sd_event_add_time_relative(event, &listener->timer, CLOCK_MONOTONIC, 0, 1000,
					       listener_time, listener);
	if (r >= 0)
		return 0;
	listener_stop(listener);
	return err_set(err, r, "starting the HTTP server: %s", strerror(-r));
}

static int listen_on(int fd, const struct sockaddr *address, socklen_t size, const char *name,
		     struct err *err)
{
	int on = 1;

	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, address, size) < 0 || listen(fd, BACKLOG) < 0)
		return err_set(err, negative_errno(), "listening on %s: %s", name, strerror(errno));
	return 0;
}

static int start_tcp(struct server *server, struct err *err)
{
	uint16_t port;
	const char *host = agent_listen(server->agent, &port);
	bool v6 = *host == '[';
	struct sockaddr_in v4_address = { .sin_family = AF_INET,
					  .sin_port = htons(port),
					  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 v6_address = { .sin6_family = AF_INET6,
					   .sin6_port = htons(port),
					   .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	_cleanup_close_ int fd =
		socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char name[64];
	int r;

	snprintf(name, sizeof(name), "%s:%u", host, port);
	r = listen_on(fd, v6 ? (struct sockaddr *)&v6_address : (struct sockaddr *)&v4_address,
		      v6 ? sizeof(v6_address) : sizeof(v4_address), name, err);
	return r ?: listener_start(&server->tcp, server->event, &fd, err);
}

/* Whoever has the port keeps nobody from being announced. */
static int try_tcp(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct server *server = userdata;
	struct err err;
	int r = start_tcp(server, &err);

	(void)usec;
	if (!r) {
		if (server->told)
			log_say(LOG_NOTICE, "the HTTP port is there now");
		return sd_event_source_set_enabled(source, SD_EVENT_OFF);
	}
	if (!server->told)
		log_say(LOG_ERR, "%s; it is tried again, or set another port with the key listen",
			err.text);
	server->told = true;
	sd_event_source_set_time_relative(source, RETRY_USEC);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int server_new(sd_event *event, struct agent *agent, int *local_fd, struct server **ret_server,
	       struct err *err)
{
	struct server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return err_set(err, -ENOMEM, "out of memory");
	server->agent = agent;
	server->tcp.server = server->local.server = server;
	server->local.trusted = true;
	server->event = sd_event_ref(event);
	r = listener_start(&server->local, event, local_fd, err);
	if (!r) {
		r = sd_event_add_time_relative(event, &server->retry, CLOCK_MONOTONIC, 0, 1000,
					       try_tcp, server);
		if (r >= 0)
			r = try_tcp(server->retry, 0, server);
		if (r < 0)
			err_set(err, r, "starting the HTTP server: %s", strerror(-r));
	}
	if (r < 0) {
		server_free(server);
		return r;
	}
	*ret_server = server;
	return 0;
}

void server_free(struct server *server)
{
	if (!server)
		return;
	listener_stop(&server->tcp);
	listener_stop(&server->local);
	sd_event_source_disable_unref(server->retry);
	sd_event_unref(server->event);
	free(server);
}
