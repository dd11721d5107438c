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

#include "alloc.h"
#include "cleanup.h"
#include "listener.h"
#include "log.h"
#include "metrics.h"
#include "name.h"
#include "server.h"
#include "page_data.h"
#include "text.h"

/* Backlog: a flood of connections must not keep a probe out. */
#define BACKLOG 128
/* Retry interval while the port is in use. */
#define RETRY_USEC 5000000

struct server {
	struct agent *agent;
	struct listener *tcp, *local;
	sd_event *event;
	sd_event_source *retry; /* until there is a TCP listener */
	bool told;		/* that there is none */
};

#define TYPE_TEXT "text/plain; charset=utf-8"
#define TYPE_JSON "application/json"
#define TYPE_HTML "text/html; charset=utf-8"

static void answer_text(struct answer *answer, unsigned int status, const char *text)
{
	/* terminals show it, and interfaces' names may have any bytes */
	size_t size = TEXT_ESCAPED_SIZE(strlen(text));
	_cleanup_free_ char *plain = xmalloc(size);

	text_escape(plain, size, text);
	answer->status = status;
	answer->type = TYPE_TEXT;
	if (asprintf(&answer->text, "%s\n", plain) < 0)
		answer->text = NULL;
	answer->size = answer->text ? strlen(answer->text) : 0;
}

/* Answers a refused command: 404 if something isn't known, 409 if it isn't possible now, 503 if it
 * may be soon. */
static void answer_err(struct answer *answer, int error, const struct err *err)
{
	answer_text(answer,
		    error == -EINVAL || error == -EADDRNOTAVAIL ? MHD_HTTP_BAD_REQUEST
		    : error == -ENOENT				? MHD_HTTP_NOT_FOUND
		    : error == -EBUSY				? MHD_HTTP_SERVICE_UNAVAILABLE
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

static const char *query(const struct request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name) ?: "";
}

/* The event loop runs, which is all that /healthz says. */
static void get_healthz(struct agent *agent, const struct request *request, struct answer *answer)
{
	answer_text(answer, MHD_HTTP_OK, "ok");
}

static void get_alive(struct agent *agent, const struct request *request, struct answer *answer)
{
	answer_json(answer, json_pack("{s:b}", "alive", true));
}

static void get_ready(struct agent *agent, const struct request *request, struct answer *answer)
{
	struct err why;

	if (agent_ready(agent, &why))
		answer_json(answer, json_pack("{s:b, s:o}", "ready", true, "why",
					      *why.text ? text_json(why.text) : json_null()));
	else
		answer_text(answer, MHD_HTTP_SERVICE_UNAVAILABLE, why.text);
}

/* Does the request name an address or localhost as its host? Otherwise a web page could resolve its
 * own name to 127.0.0.1 and read the agent's answers (DNS rebinding). */
static bool asked_locally(const struct request *request)
{
	const char *host = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND,
						       MHD_HTTP_HEADER_HOST);
	size_t length = host ? strcspn(host, ":") : 0;

	return !host || host[0] == '[' || (length && strspn(host, "0123456789.") == length) ||
	       (length == strlen("localhost") && !strncmp(host, "localhost", length));
}

/* May it see more than a probe? */
static bool is_reader(const struct request *request)
{
	return request->encrypted ? request->certified : asked_locally(request);
}

static void answer_ready(struct answer *answer, const struct err *note)
{
	struct err text;

	err_write(&text, "ok%s%s", *note->text ? "; " : "", note->text);
	answer_text(answer, MHD_HTTP_OK, text.text);
}

static void get_readyz(struct agent *agent, const struct request *request, struct answer *answer)
{
	/* the reason names addresses */
	bool secret = !is_reader(request);
	struct err why;

	if (agent_ready(agent, &why))
		answer_ready(answer, secret ? &(struct err){} : &why);
	else if (secret)
		answer_text(answer, MHD_HTTP_SERVICE_UNAVAILABLE, "not ready");
	else
		answer_text(answer, MHD_HTTP_SERVICE_UNAVAILABLE, why.text);
}

static void get_who_holds(struct agent *agent, const struct request *request, struct answer *answer)
{
	struct address address;
	struct err err;
	int r = addr_parse(query(request, "ip"), &address, &err);
	json_t *object = r < 0 ? NULL : agent_who_holds(agent, &address, &err);

	if (object)
		answer_json(answer, object);
	else
		answer_err(answer, r < 0 ? r : -ENOENT, &err);
}

static void get_names(struct agent *agent, const struct request *request, struct answer *answer)
{
	answer_json(answer, agent_names(agent));
}

static void answer_parts(struct answer *answer, const char *type, void *data,
			 bool (*next)(void *data, FILE *out), void (*free)(void *data))
{
	answer->status = MHD_HTTP_OK;
	answer->type = type;
	answer->data = data;
	answer->next = next;
	answer->free = free;
}

static void get_metrics(struct agent *agent, const struct request *request, struct answer *answer)
{
	answer_parts(answer, METRICS_CONTENT_TYPE, metrics_new(agent), metrics_next, metrics_free);
}

static void get_show(struct agent *agent, const struct request *request, struct answer *answer)
{
	struct err err;
	struct agent_show *show = agent_show_new(agent, query(request, "service"), &err);

	if (show)
		answer_parts(answer, TYPE_JSON, show, agent_show_next, agent_show_free);
	else
		answer_err(answer, -ENOENT, &err);
}

static void get_status(struct agent *agent, const struct request *request, struct answer *answer)
{
	answer_parts(answer, TYPE_JSON, agent_status_new(agent), agent_status_next,
		     agent_status_free);
}

static void get_page_data(struct agent *agent, const struct request *request, struct answer *answer)
{
	answer_parts(answer, TYPE_JSON, agent_page_new(agent), agent_page_next, agent_page_free);
}

/* The page fetches /status.json. */
static void get_page(struct agent *agent, const struct request *request, struct answer *answer)
{
	answer->status = MHD_HTTP_OK;
	answer->type = TYPE_HTML;
	answer->text = xstrndup((const char *)page_text, sizeof(page_text));
	answer->size = sizeof(page_text);
	answer->policy = page_policy;
}

static void post_move(struct agent *agent, const struct request *request, struct answer *answer)
{
	const char *node = query(request, "node");
	struct address address;
	struct err err;
	int r = addr_parse(query(request, "ip"), &address, &err);

	if (!r && !name_is_subdomain(node))
		r = err_set(&err, -EINVAL, "'%.64s' is no node's name", node);
	if (!r)
		r = agent_move(agent, &address, node, &err);
	if (r < 0)
		answer_err(answer, r, &err);
	else
		answer_json(answer,
			    json_pack("{s:s, s:s}", "ip", query(request, "ip"), "node", node));
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

static void post_drain(struct agent *agent, const struct request *request, struct answer *answer)
{
	drain(agent, true, !strcmp(query(request, "stay"), "1"), answer);
}

static void post_resume(struct agent *agent, const struct request *request, struct answer *answer)
{
	drain(agent, false, false, answer);
}

/* Who may send a request, by increasing rights. */
enum access {
	ACCESS_PROBE,  /* anybody: whoever probes may have no client certificate */
	ACCESS_READER, /* by the loopback port, or with a certificate */
	ACCESS_ROOT,   /* by the Unix socket */
};

static const struct route {
	const char *method;
	const char *path;
	enum access access;
	void (*answer)(struct agent *agent, const struct request *request, struct answer *answer);
} routes[] = {
	{ MHD_HTTP_METHOD_GET, "/metrics", ACCESS_READER, get_metrics },
	{ MHD_HTTP_METHOD_GET, "/healthz", ACCESS_PROBE, get_healthz },
	{ MHD_HTTP_METHOD_GET, "/readyz", ACCESS_PROBE, get_readyz },
	{ MHD_HTTP_METHOD_GET, "/", ACCESS_READER, get_page },
	{ MHD_HTTP_METHOD_GET, "/status.json", ACCESS_READER, get_page_data },
	{ MHD_HTTP_METHOD_GET, "/alive", ACCESS_ROOT, get_alive },
	{ MHD_HTTP_METHOD_GET, "/ready", ACCESS_ROOT, get_ready },
	{ MHD_HTTP_METHOD_GET, "/who-holds", ACCESS_ROOT, get_who_holds },
	{ MHD_HTTP_METHOD_GET, "/show", ACCESS_ROOT, get_show },
	{ MHD_HTTP_METHOD_GET, "/names", ACCESS_ROOT, get_names },
	{ MHD_HTTP_METHOD_GET, "/status", ACCESS_ROOT, get_status },
	{ MHD_HTTP_METHOD_POST, "/move", ACCESS_ROOT, post_move },
	{ MHD_HTTP_METHOD_POST, "/drain", ACCESS_ROOT, post_drain },
	{ MHD_HTTP_METHOD_POST, "/resume", ACCESS_ROOT, post_resume },
};

/* Is the client root, or the user that this agent runs as? */
static bool peer_trusted(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return info && !getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) &&
	       (!peer.uid || peer.uid == geteuid());
}

/* @access: the highest right that the request's connection gives. */
static void answer_request(struct agent *agent, const struct request *request, enum access access,
			   struct answer *answer)
{
	bool found = false;

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		const struct route *route = &routes[i];

		if (strcmp(route->path, request->path) != 0 ||
		    (route->access == ACCESS_ROOT && access != ACCESS_ROOT))
			continue;
		found = true;
		if (strcmp(route->method, request->method) != 0)
			continue;
		if (route->access > access)
			answer_text(
				answer, MHD_HTTP_FORBIDDEN,
				request->encrypted
					? "show a client certificate that tls.clientCA vouches for"
					: "ask for an address or localhost, not for another name");
		else
			route->answer(agent, request, answer);
		return;
	}
	answer_text(answer, found ? MHD_HTTP_METHOD_NOT_ALLOWED : MHD_HTTP_NOT_FOUND,
		    found ? "not with this method" : "nothing here");
}

static void answer_local(const struct request *request, struct answer *answer, void *userdata)
{
	struct server *server = userdata;

	if (peer_trusted(request->connection))
		answer_request(server->agent, request, ACCESS_ROOT, answer);
	else
		answer_text(answer, MHD_HTTP_FORBIDDEN, "only root may ask");
}

static void answer_tcp(const struct request *request, struct answer *answer, void *userdata)
{
	struct server *server = userdata;

	answer_request(server->agent, request, is_reader(request) ? ACCESS_READER : ACCESS_PROBE,
		       answer);
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
	const struct listen_options *options = agent_listen(server->agent);
	bool v4 = address_is_v4(&options->address);
	struct sockaddr_in v4_address = { .sin_family = AF_INET, .sin_port = htons(options->port) };
	struct sockaddr_in6 v6_address = { .sin6_family = AF_INET6,
					   .sin6_port = htons(options->port) };
	_cleanup_close_ int fd =
		socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const struct tls_files tls = tls_files_of(options);
	char ip[INET6_ADDRSTRLEN], name[64];
	int r;

	memcpy(&v4_address.sin_addr, &options->address.bytes[12], sizeof(v4_address.sin_addr));
	memcpy(&v6_address.sin6_addr, options->address.bytes, sizeof(v6_address.sin6_addr));
	snprintf(name, sizeof(name), v4 ? "%s:%u" : "[%s]:%u",
		 address_format(&options->address, ip), options->port);
	r = listen_on(fd, v4 ? (struct sockaddr *)&v4_address : (struct sockaddr *)&v6_address,
		      v4 ? sizeof(v4_address) : sizeof(v6_address), name, err);
	return r ?: listener_new(server->event, &fd, &tls, answer_tcp, server, &server->tcp, err);
}

/* A port in use must not keep addresses from being announced. */
static int try_tcp(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct server *server = userdata;
	struct err err;
	int r = start_tcp(server, &err);

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
	static const struct tls_files no_tls;
	struct server *server = xcalloc(1, sizeof(*server));
	int r;

	server->agent = agent;
	server->event = sd_event_ref(event);
	r = listener_new(event, local_fd, &no_tls, answer_local, server, &server->local, err);
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
	listener_free(server->tcp);
	listener_free(server->local);
	sd_event_source_disable_unref(server->retry);
	sd_event_unref(server->event);
	free(server);
}
