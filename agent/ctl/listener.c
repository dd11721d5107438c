// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "clock.h"
#include "listener.h"
#include "log.h"
#include "loop.h"
#include "process.h"

/* Time limit of a connection, from accept() to the end of the answer, or to its first part, and
 * then from each part to the next. */
#define DEADLINE_NS (5 * UINT64_C(1000000000))
/* With more than KEPT_CONNECTIONS, each new connection makes an older one end. The library may
 * accept ten more before it has closed those. */
#define KEPT_CONNECTIONS 32
#define MAX_CONNECTIONS	 64
/* Interval of the check whether certificates have changed. */
#define LOOK_USEC 1000000
#define NEVER_NS  UINT64_MAX
/* During a slow TLS handshake the library asks to be run again at once, over and over: wait this
 * long instead. Incoming data runs it earlier. */
#define PAUSE_NS (5 * UINT64_C(1000000))

/* Bytes of an answer in parts that the library sends at a time, at most. */
#define BLOCK 16384

/* Content-Security-Policy of most answers. */
#define NO_CONTENT "default-src 'none'; frame-ancestors 'none'"

/* TLS 1.2 at least, whatever the system's policy allows. */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* A connection. */
struct visitor {
	bool used;
	bool ended; /* shut down; the library hasn't closed it yet */
	int fd;	    /* the library's */
	uint64_t deadline_ns;
	struct in6_addr client; /* zero on a Unix socket */
};

struct listener {
	int fd;
	struct MHD_Daemon *daemon;
	sd_event *event;
	sd_event_source *io, *timer, *look;
	listener_answer_fn *answer;
	void *userdata;
	struct visitor visitors[MAX_CONNECTIONS];
	struct tls_files tls;
	struct tls_contents tls_contents; /* of the daemon */
	struct err said;		  /* by the library */
	uint64_t begun_ns;		  /* when the library last began to run */
	bool more;   /* an answer in parts goes on as soon as the client can take more */
	bool closed; /* a connection was closed in this run */
	bool full;   /* a connection waits for a file descriptor */
};

/* ---- connections ---- */

static void end(struct visitor *visitor)
{
	/* the library reads the end of the stream, and closes the connection */
	shutdown(visitor->fd, SHUT_RDWR);
	visitor->ended = true;
}

static size_t count_of(const struct listener *listener, const struct in6_addr *client)
{
	size_t count = 0;

	for (size_t i = 0; i < MAX_CONNECTIONS; i++) {
		const struct visitor *visitor = &listener->visitors[i];

		count += visitor->used && !visitor->ended &&
			 (!client || !memcmp(client, &visitor->client, sizeof(*client)));
	}
	return count;
}

/* Ends the oldest connection of the client that has most. A probe that sends its request at once is
 * answered before its connection is the oldest. */
static void end_one(struct listener *listener)
{
	struct visitor *victim = NULL;
	size_t most = 0;

	for (size_t i = 0; i < MAX_CONNECTIONS; i++) {
		struct visitor *visitor = &listener->visitors[i];
		size_t count;

		if (!visitor->used || visitor->ended)
			continue;
		count = count_of(listener, &visitor->client);
		if (victim && (count < most ||
			       (count == most && visitor->deadline_ns >= victim->deadline_ns)))
			continue;
		victim = visitor;
		most = count;
	}
	if (victim)
		end(victim);
}

static struct in6_addr client_of(int fd)
{
	struct sockaddr_storage address = {};
	socklen_t size = sizeof(address);
	struct in6_addr client = {};

	if (getpeername(fd, (struct sockaddr *)&address, &size) < 0)
		return client;
	if (address.ss_family == AF_INET6)
		client = ((struct sockaddr_in6 *)&address)->sin6_addr;
	else if (address.ss_family == AF_INET)
		client.s6_addr32[3] = ((struct sockaddr_in *)&address)->sin_addr.s_addr;
	return client;
}

static void connection_begins(struct listener *listener, struct MHD_Connection *connection,
			      void **context)
{
	int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	struct visitor *visitor = listener->visitors;

	/* one is unused: the library has the same limit */
	while (visitor->used)
		visitor++;
	*visitor = (struct visitor){
		.used = true,
		.fd = fd,
		.deadline_ns = clock_boot_ns() + DEADLINE_NS,
		.client = client_of(fd),
	};
	*context = visitor;
	if (count_of(listener, NULL) > KEPT_CONNECTIONS)
		end_one(listener);
}

static void on_connection(void *data, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct listener *listener = data;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		connection_begins(listener, connection, context);
		return;
	}
	((struct visitor *)*context)->used = false;
	listener->closed = true;
}

/* Ends connections past their deadline. Returns the next deadline, or NEVER_NS. */
static uint64_t end_late(struct listener *listener)
{
	uint64_t now_ns = clock_boot_ns(), next_ns = NEVER_NS;

	for (size_t i = 0; i < MAX_CONNECTIONS; i++) {
		struct visitor *visitor = &listener->visitors[i];

		if (!visitor->used || visitor->ended)
			continue;
		if (visitor->deadline_ns <= now_ns)
			end(visitor);
		else if (visitor->deadline_ns < next_ns)
			next_ns = visitor->deadline_ns;
	}
	return next_ns;
}

/* ---- requests ---- */

/* An answer in parts. */
struct stream {
	struct listener *listener;
	struct visitor *visitor;
	struct answer answer;
	char *part; /* @sent of its @size bytes have been sent */
	size_t size, sent;
	bool ended; /* there is no other part */
};

static void make_part(struct stream *stream)
{
	FILE *out;

	free(stream->part);
	out = xopen_memstream(&stream->part, &stream->size);
	stream->ended = !stream->answer.next(stream->answer.data, out);
	xclose_memstream(out, &stream->part);
	stream->sent = 0;
	stream->visitor->deadline_ns = clock_boot_ns() + DEADLINE_NS;
}

/* Called when the client can take more. 0: call again. */
static ssize_t read_stream(void *data, uint64_t position, char *to, size_t room)
{
	struct stream *stream = data;
	struct listener *listener = stream->listener;

	listener->more = true;
	while (stream->sent == stream->size) {
		if (stream->ended)
			return MHD_CONTENT_READER_END_OF_STREAM;
		if (!loop_may_go_on(listener->begun_ns))
			return 0;
		make_part(stream);
	}
	room = stream->size - stream->sent < room ? stream->size - stream->sent : room;
	memcpy(to, stream->part + stream->sent, room);
	stream->sent += room;
	return room;
}

static void free_stream(void *data)
{
	struct stream *stream = data;

	stream->answer.free(stream->answer.data);
	free(stream->part);
	free(stream);
}

static struct MHD_Response *make_response(struct listener *listener,
					  struct MHD_Connection *connection,
					  const struct answer *answer)
{
	struct stream *stream;

	if (!answer->next)
		return MHD_create_response_from_buffer(answer->size, answer->text,
						       MHD_RESPMEM_MUST_FREE);
	stream = xcalloc(1, sizeof(*stream));
	stream->listener = listener;
	stream->visitor = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
				  ->socket_context;
	stream->answer = *answer;
	return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_stream, stream,
						 free_stream);
}

static enum MHD_Result send_answer(struct listener *listener, struct MHD_Connection *connection,
				   const struct answer *answer)
{
	static const struct {
		const char *name, *value;
	} headers[] = {
		{ MHD_HTTP_HEADER_CONNECTION, "close" },
		{ MHD_HTTP_HEADER_CACHE_CONTROL, "no-store" },
		{ "X-Content-Type-Options", "nosniff" },
		{ "Referrer-Policy", "no-referrer" },
	};
	struct MHD_Response *response = make_response(listener, connection, answer);
	enum MHD_Result result;

	if (!response)
		alloc_fail();
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type);
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		MHD_add_response_header(response, headers[i].name, headers[i].value);
	MHD_add_response_header(response, "Content-Security-Policy", answer->policy ?: NO_CONTENT);
	result = MHD_queue_response(connection, answer->status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result handle(void *data, struct MHD_Connection *connection, const char *path,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_size, void **state)
{
	struct listener *listener = data;
	struct request request = { .connection = connection, .path = path, .method = method };
	const union MHD_ConnectionInfo *tls;
	struct answer answer = {};

	/* called with the headers first, then with the body, which is ignored */
	if (!*state) {
		*state = data;
		return MHD_YES;
	}
	if (*upload_size) {
		*upload_size = 0;
		return MHD_YES;
	}
	tls = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	request.encrypted = tls;
	request.certified = tls && tls_client_certified(tls->tls_session);
	listener->answer(&request, &answer, listener->userdata);
	return answer.text || answer.next ? send_answer(listener, connection, &answer) : MHD_NO;
}

/* ---- the library's work ---- */

/* Runs the library, and sets the timer to when it must run again if nothing comes in. */
static int run(struct listener *listener)
{
	MHD_UNSIGNED_LONG_LONG timeout_ms;
	uint64_t next_ns, pause_ns, now_ns;
	bool full;

	listener->begun_ns = clock_boot_ns();
	listener->more = listener->closed = false;
	listener->said.text[0] = '\0';
	MHD_run(listener->daemon);
	full = *listener->said.text && !process_has_descriptor();
	if (full && !listener->full)
		log_say(LOG_ERR, "no file descriptor is left for a connection");
	listener->full = full;
	next_ns = end_late(listener);
	now_ns = clock_boot_ns();
	/* Without a file descriptor for a connection that waits, the library tries again at once,
	 * over and over; or it tries only in the run that follows the end of another connection. */
	if ((full || listener->closed) && now_ns + PAUSE_NS < next_ns)
		next_ns = now_ns + PAUSE_NS;
	sd_event_source_set_enabled(listener->io, full ? SD_EVENT_OFF : SD_EVENT_ON);
	if (MHD_get_timeout(listener->daemon, &timeout_ms) == MHD_YES) {
		pause_ns = timeout_ms * 1000000;
		pause_ns = listener->more ? 0 : pause_ns < PAUSE_NS ? PAUSE_NS : pause_ns;
		if (now_ns + pause_ns < next_ns)
			next_ns = now_ns + pause_ns;
	}
	if (next_ns == NEVER_NS)
		return sd_event_source_set_enabled(listener->timer, SD_EVENT_OFF);
	sd_event_source_set_time(listener->timer, next_ns / 1000 + 1);
	return sd_event_source_set_enabled(listener->timer, SD_EVENT_ONESHOT);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	return run(userdata);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	return run(userdata);
}

static void said(void *data, const char *format, va_list args)
{
	struct listener *listener = data;

	vsnprintf(listener->said.text, sizeof(listener->said.text), format, args);
	listener->said.text[strcspn(listener->said.text, "\n")] = '\0';
}

static void daemon_stop(struct listener *listener)
{
	listener->io = sd_event_source_disable_unref(listener->io);
	if (listener->daemon)
		MHD_stop_daemon(listener->daemon);
	listener->daemon = NULL;
	tls_contents_free(&listener->tls_contents);
}

/* Closes the library's copy @fd of @listening, unless the library did, which depends on what
 * failed: a copy left open would keep the port in use. */
static void close_if_same(int fd, int listening)
{
	struct stat one, other;

	if (!fstat(fd, &one) && !fstat(listening, &other) && one.st_dev == other.st_dev &&
	    one.st_ino == other.st_ino)
		close(fd);
}

/* Starts a daemon that replaces the current one, if any. On failure the current one stays. */
static int daemon_start(struct listener *listener, struct err *err)
{
	unsigned int flags = MHD_USE_EPOLL | MHD_USE_ERROR_LOG;
	struct tls_contents contents = {};
	struct MHD_OptionItem tls[5] = { { MHD_OPTION_END, 0, NULL } };
	struct MHD_Daemon *daemon;
	sd_event_source *io;
	int r, fd;

	if (listener->tls.paths[TLS_CERT]) {
		r = tls_files_read(&listener->tls, &contents, err);
		if (r < 0) {
			memcpy(listener->tls_contents.stats, contents.stats,
			       sizeof(contents.stats));
			return r;
		}
		flags |= MHD_USE_TLS;
		tls[0] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_CERT, 0,
						  contents.texts[TLS_CERT].data };
		tls[1] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_KEY, 0,
						  contents.texts[TLS_KEY].data };
		tls[2] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_TRUST, 0,
						  contents.texts[TLS_CLIENT_CA].data };
		tls[3] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_PRIORITIES, 0, TLS_PRIORITIES };
		tls[4] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
	}
	listener->said.text[0] = '\0';
	fd = fcntl(listener->fd, F_DUPFD_CLOEXEC, 0);
	daemon = MHD_start_daemon(flags, 0, NULL, NULL, handle, listener,
				  MHD_OPTION_EXTERNAL_LOGGER, said, listener,
				  MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
				  (unsigned int)MAX_CONNECTIONS, MHD_OPTION_NOTIFY_CONNECTION,
				  on_connection, listener, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
	if (!daemon) {
		err_write(err, "starting the HTTP server: %s",
			  *listener->said.text ? listener->said.text : strerror(errno));
		close_if_same(fd, listener->fd);
		memcpy(listener->tls_contents.stats, contents.stats, sizeof(contents.stats));
		tls_contents_free(&contents);
		return -EIO;
	}
	r = sd_event_add_io(listener->event, &io,
			    MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
			    EPOLLIN, on_io, listener);
	if (r < 0) {
		MHD_stop_daemon(daemon);
		tls_contents_free(&contents);
		return err_set(err, r, "starting the HTTP server: %s", strerror(-r));
	}
	daemon_stop(listener);
	listener->daemon = daemon;
	listener->io = io;
	listener->tls_contents = contents;
	return 0;
}

/* Certificate files may be replaced at run time. */
static int on_look(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct listener *listener = userdata;
	struct err err;

	if (tls_files_changed(&listener->tls, &listener->tls_contents)) {
		if (daemon_start(listener, &err) < 0)
			log_say(LOG_ERR, "%s; the certificates in force stay", err.text);
		else
			log_say(LOG_NOTICE, "certificates for HTTP read again");
	}
	sd_event_source_set_time_relative(source, LOOK_USEC);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* ---- life ---- */

static void tls_copy(struct tls_files *to, const struct tls_files *from)
{
	for (enum tls_file file = 0; file < TLS_FILE_COUNT; file++)
		to->paths[file] = from->paths[file] ? xstrdup(from->paths[file]) : NULL;
}

void listener_free(struct listener *listener)
{
	if (!listener)
		return;
	daemon_stop(listener);
	sd_event_source_disable_unref(listener->timer);
	sd_event_source_disable_unref(listener->look);
	sd_event_unref(listener->event);
	for (enum tls_file file = 0; file < TLS_FILE_COUNT; file++)
		free((char *)listener->tls.paths[file]);
	close(listener->fd);
	free(listener);
}

int listener_new(sd_event *event, int *fd, const struct tls_files *tls, listener_answer_fn *answer,
		 void *userdata, struct listener **ret_listener, struct err *err)
{
	struct listener *listener = xcalloc(1, sizeof(*listener));
	int r;

	listener->fd = *fd;
	*fd = -1;
	listener->event = sd_event_ref(event);
	listener->answer = answer;
	listener->userdata = userdata;
	tls_copy(&listener->tls, tls);
	r = sd_event_add_time(event, &listener->timer, CLOCK_BOOTTIME, 0, 1000, on_time, listener);
	if (r >= 0 && tls->paths[TLS_CERT])
		r = sd_event_add_time_relative(event, &listener->look, CLOCK_BOOTTIME, LOOK_USEC,
					       100000, on_look, listener);
	if (r < 0)
		err_write(err, "starting the HTTP server: %s", strerror(-r));
	else
		r = daemon_start(listener, err);
	if (r < 0) {
		listener_free(listener);
		return r;
	}
	*ret_listener = listener;
	return 0;
}
